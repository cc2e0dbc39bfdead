const octet = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)"
const ipv4 = new RegExp(`^${octet}(?:\\.${octet}){3}$`)

/**
 * The version of an IP address in text form (RFC 4291, section 2.2), as `isIP` of `node:net` tells it, which takes
 * milliseconds to load.
 * @returns 4, 6, or 0 for what is no address
 */
export function isIP(text: string): 0 | 4 | 6 {
  if (ipv4.test(text)) return 4
  const [address = "", zone] = text.split("%", 2)
  if (zone === "" || !/^[0-9A-Fa-f:.]+$/.test(address) || !address.includes(":")) return 0
  return URL.canParse(`http://[${address}]/`) ? 6 : 0
}
