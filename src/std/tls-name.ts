import { isIP } from "node:net"

/**
 * How a TLS client names the server that it connects to: a name is sent (SNI) and verified; an address is verified against the certificate's
 * addresses and never sent (RFC 6066, section 3).
 * @param host without brackets
 */
export const tlsName = (host: string): { readonly host: string; readonly servername?: string } =>
  isIP(host) === 0 ? { host, servername: host } : { host }
