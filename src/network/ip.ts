import { Failure } from "../errors/failure.ts"
import { type Address, addressOf, cidrOf, type Subnet } from "../std/ip.ts"

/** The address of a text. @throws invalidArgument */
export function parseAddress(text: string): Address {
  const address = addressOf(text)
  if (!address) throw new Failure("invalidArgument", `${text} is not an IP address`)
  return address
}

/**
 * `ADDRESS/LENGTH` as an address and the subnet around it.
 * @throws invalidArgument naming `what`
 */
export function parseCidr(text: string, what: string): { readonly address: Address; readonly subnet: Subnet } {
  const found = cidrOf(text)
  if (!found) throw new Failure("invalidArgument", `${what} ${text} is not of the form 192.0.2.1/24`)
  return found
}
