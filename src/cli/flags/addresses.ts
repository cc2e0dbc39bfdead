import { isIP } from "../../std/ip-address.ts"
import { parseSubnet } from "../network/subnet.ts"
import { custom, type Flag, texts } from "./flag.ts"

/** An IP address; "" when none is given. */
export const address = (usage: string): Flag<string> =>
  custom("", usage, "ip", "", (text) => {
    if (text !== "" && isIP(text.trim()) === 0) throw new Error(`failed to parse IP: ${JSON.stringify(text)}`)
    return text.trim()
  })

/** IP addresses; one occurrence may hold several, with commas in between. */
export const addresses = (usage: string): Flag<readonly string[]> =>
  checked(texts("", usage, { shownDefault: "[]" }), "ipSlice", (text) => {
    if (isIP(text) === 0) throw new Error(`invalid string being converted to IP address: ${text}`)
  })

/** Ranges of IP addresses, `10.0.0.0/8`; one occurrence may hold several, with commas in between. */
export const ranges = (usage: string): Flag<readonly string[]> =>
  checked(texts("", usage, { shownDefault: "[]" }), "ipNetSlice", (text) => {
    try {
      parseSubnet(text)
    } catch {
      throw new Error(`invalid string being converted to CIDR: ${text}`)
    }
  })

const checked = (
  flag: Flag<readonly string[]>,
  type: string,
  check: (text: string) => void,
): Flag<readonly string[]> => ({
  ...flag,
  type,
  parse: (text, before) => {
    const all = flag.parse(text, before)
    for (const each of all.slice(before.length)) check(each)
    return all
  },
})
