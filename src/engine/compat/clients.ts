import { isBefore } from "./version.ts"

/**
 * Programs that speak the newest version they hear of without knowing it, by how they name themselves, and the newest that they do know:
 * docker-compose in Python cannot recreate a container without the ContainerConfig of images, which 1.45 has not.
 */
const unaware: readonly { readonly userAgent: RegExp; readonly knows: string }[] = [
  { userAgent: /^docker-compose\/1\./, knows: "1.41" },
]

/** The version in which a client is understood and answered. @param asked what its path says */
export function understoodVersion(asked: string, userAgent: string | undefined): string {
  const known = userAgent && unaware.find((client) => client.userAgent.test(userAgent))?.knows
  return known && isBefore(known, asked) ? known : asked
}
