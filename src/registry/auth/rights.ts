import { matchesAny } from "../policy.ts"
import type { Access, Action } from "./contract.ts"

/** One grant: these users may do this with these repositories. */
export interface Right {
  /** Names; `*` is every user that is known, `anonymous` everybody. */
  readonly users: readonly string[]
  readonly repositories: readonly string[]
  readonly actions: readonly Action[]
}

/** What `user` may do. Without any grants every known user may do everything, and nobody else anything. */
export function accessOf(rights: readonly Right[], user: string | undefined): Access {
  const concerned = rights.filter(
    (right) =>
      right.users.includes("anonymous") ||
      (user !== undefined && (right.users.includes(user) || right.users.includes("*"))),
  )
  const may: Access["may"] = (action, repository) => {
    if (rights.length === 0) return user !== undefined
    if (action === "catalog") return concerned.some((right) => right.actions.includes("catalog"))
    return concerned.some((right) => right.actions.includes(action) && matchesAny(right.repositories, repository))
  }
  return { ...(user === undefined ? {} : { user }), may, sees: (repository) => may("pull", repository) }
}

/** Everything for everybody. */
export const unlimited: Access = { may: () => true, sees: () => true }
