import type { Access, Action } from "./contract.ts"

/** What a token allows with one resource (distribution token specification, `access`). */
export interface Grant {
  readonly type: string
  readonly name: string
  readonly actions: readonly string[]
}

const words: Readonly<Record<string, Action>> = { pull: "pull", push: "push", delete: "delete" }

/** Parses `type:name:action,action`, several separated by spaces. A name may contain colons. Malformed ones are left out. */
export function parseScopes(texts: readonly string[]): readonly Grant[] {
  return texts
    .flatMap((text) => text.split(" "))
    .flatMap((text) => {
      const match = /^([a-z]+)(?:\([a-z]+\))?:(.+):([a-z,*]*)$/.exec(text)
      if (!match) return []
      return [{ type: match[1]!, name: match[2]!, actions: match[3]!.split(",").filter((each) => each !== "") }]
    })
}

/** The part of what is asked for that `access` allows. */
export function granted(asked: readonly Grant[], access: Access): readonly Grant[] {
  return asked
    .map((grant) => ({ ...grant, actions: allowed(grant, access) }))
    .filter((grant) => grant.actions.length > 0)
}

function allowed({ type, name, actions }: Grant, access: Access): readonly string[] {
  if (type === "registry") return name === "catalog" && access.may("catalog", "*") ? ["*"] : []
  if (type !== "repository") return []
  const all = actions.includes("*") ? Object.keys(words) : actions
  return all.filter((each) => words[each] !== undefined && access.may(words[each], name))
}

/** The scope that an action needs. */
export function scopeFor(action: Action, repository: string): string {
  if (action === "catalog") return "registry:catalog:*"
  return `repository:${repository}:${action === "push" ? "pull,push" : action}`
}

/** What a token's grants allow. @param sees which repositories a token for the catalog shows */
export function accessByGrants(
  user: string | undefined,
  grants: readonly Grant[],
  sees: (repository: string) => boolean,
): Access {
  const catalog = grants.some((grant) => grant.type === "registry" && grant.name === "catalog")
  return {
    ...(user === undefined ? {} : { user }),
    may: (action, repository) => {
      if (action === "catalog") return catalog
      return grants.some(
        (grant) =>
          grant.type === "repository" &&
          grant.name === repository &&
          (grant.actions.includes(action) || grant.actions.includes("*")),
      )
    },
    sees: (repository) => catalog && sees(repository),
  }
}
