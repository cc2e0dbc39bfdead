import type { Authenticator } from "./contract.ts"
import { accessOf, type Right, unlimited } from "./rights.ts"

/** Nobody is asked who they are: everything is allowed, or what `anonymous` was granted. */
export function openAccess(rights: readonly Right[]): Authenticator {
  const access = rights.length === 0 ? unlimited : accessOf(rights, undefined)
  return { access: async () => access, challenge: () => undefined }
}
