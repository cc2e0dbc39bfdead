import type { Route, RouteTable } from "./route.ts"

interface Entry {
  readonly key: string
  readonly route: Route
  readonly pattern: RegExp
  readonly names: readonly string[]
}

export interface RouteMatch {
  /** As it stands in the table. */
  readonly key: string
  readonly route: Route
  readonly params: Readonly<Record<string, string>>
}

/** Finds the route of a request. Looks only at the routes of the method and the first word of the path. */
export class Router {
  readonly #entries = new Map<string, Entry[]>()

  constructor(tables: readonly RouteTable[]) {
    for (const table of tables) for (const [key, route] of Object.entries(table)) this.#add(key, route)
  }

  #add(key: string, route: Route): void {
    const [methods, path] = key.split(" ") as [string, string]
    const names: string[] = []
    const source = path.replace(/[.]/g, "\\.").replace(/:(\w+)/g, (_whole, name: string) => {
      names.push(name)
      return "(.+)"
    })
    for (const method of methods.split("|")) {
      const slot = `${method} ${path.split("/")[1]}`
      const entries = this.#entries.get(slot) ?? []
      entries.push({ key, route, names, pattern: new RegExp(`^${source}$`, "s") })
      this.#entries.set(slot, entries)
    }
  }

  /** @param path decoded, without version */
  find(method: string, path: string): RouteMatch | undefined {
    const end = path.indexOf("/", 1)
    const entries = this.#entries.get(`${method} ${end < 0 ? path.slice(1) : path.slice(1, end)}`)
    for (const { key, route, pattern, names } of entries ?? []) {
      const match = pattern.exec(path)
      if (match) return { key, route, params: Object.fromEntries(names.map((name, i) => [name, match[i + 1]!])) }
    }
    return undefined
  }
}
