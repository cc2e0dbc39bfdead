import { messageOf } from "../../errors/failure.ts"
import { familiarName, type Reference } from "../../oci/reference.ts"

/** Distributions of which `image bootstrap` makes an image without any registry. */
const bootstrapped = ["busybox", "debian"]

/**
 * The failure of a pull, with the way to an image that Barge makes itself, where no registry could be reached.
 * @param program how the command line was called; docker has no such way
 */
export function withWayOut(error: unknown, reference: Reference, program: string): unknown {
  const name = familiarName(reference)
  const unreached = /dial tcp|proxy|i\/o timeout|no such host|name resolution|connection refused/.test(messageOf(error))
  if (program === "docker" || !unreached || !bootstrapped.includes(name)) return error
  const made = name === "debian" && reference.tag && reference.tag !== "latest" ? `${name}:${reference.tag}` : name
  return new Error(
    `${messageOf(error)}\nWithout a registry it can be made of the distribution's packages: ${program} image bootstrap ${made}`,
  )
}
