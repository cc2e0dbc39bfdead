/** One word of a path that a pattern leaves open, by its name. */
type NameIn<Rest extends string> = Rest extends `${infer Name}/${string}` ? Unconstrained<Name> : Unconstrained<Rest>
type Unconstrained<Word extends string> = Word extends `${infer Name}(${string}` ? Name : Word
type NamesIn<Pattern extends string> = Pattern extends `${string}:${infer Rest}` ? NameIn<Rest> | NamesIn<Rest> : never

/** The variables of a pattern, with their values in a path. */
export type ParamsOf<Pattern extends string> = { readonly [Name in NamesIn<Pattern>]: string }

/**
 * What is done with requests, by method and path: `GET|HEAD /images/:name/json`. A variable takes one character or more, slashes
 * included; `:digest([^/]+)` takes what the regular expression does. `/?` at the end: with a slash and without. The first word is
 * none.
 */
export type RouteEntries<Route> = Iterable<readonly [key: string, route: Route]>

interface Entry<Route> {
  readonly key: string
  readonly path: string
  readonly methods: readonly string[]
  readonly route: Route
  readonly pattern: RegExp
  readonly names: readonly string[]
}

export interface RouteMatch<Route> {
  /** As it stands in the entries. */
  readonly key: string
  readonly route: Route
  readonly params: Readonly<Record<string, string>>
}

/** Finds the route of a request. Only routes with the first word of the path are looked at, in their order. */
export class Router<Route> {
  readonly #byWord = new Map<string, Entry<Route>[]>()

  constructor(entries: RouteEntries<Route>) {
    for (const [key, route] of entries) {
      const entry = entryOf(key, route)
      const word = wordOf(entry.path)
      if (word.startsWith(":")) throw new Error(`${key}: a path cannot begin with a variable`)
      const others = this.#byWord.get(word)
      if (others) others.push(entry)
      else this.#byWord.set(word, [entry])
    }
  }

  /** The first route that has both the method and the path. */
  find(method: string, path: string): RouteMatch<Route> | undefined {
    for (const entry of this.#byWord.get(wordOf(path)) ?? []) {
      if (!entry.methods.includes(method)) continue
      const params = paramsIn(entry, path)
      if (params) return { key: entry.key, route: entry.route, params }
    }
    return undefined
  }

  /** The routes by method of the first pattern that the path matches: what may be done there, whatever was asked. */
  at(path: string): ReadonlyMap<string, RouteMatch<Route>> | undefined {
    const entries = this.#byWord.get(wordOf(path)) ?? []
    for (const first of entries) {
      const params = paramsIn(first, path)
      if (!params) continue
      const same = entries.filter((entry) => entry.path === first.path)
      return new Map(
        same.flatMap(({ key, route, methods }) => methods.map((method) => [method, { key, route, params }])),
      )
    }
    return undefined
  }
}

/** The routes with `prefix` before their paths. */
export const mounted = <Route>(prefix: string, entries: RouteEntries<Route>): (readonly [string, Route])[] =>
  Array.from(entries, ([key, route]) => [key.replace(" ", ` ${prefix}`), route] as const)

/** The part of a path between its first two slashes; all after the first when there is no second. */
function wordOf(path: string): string {
  const end = path.indexOf("/", 1)
  return end < 0 ? path.slice(1) : path.slice(1, end)
}

function entryOf<Route>(key: string, route: Route): Entry<Route> {
  const [methods = "", path = ""] = key.split(" ")
  const names: string[] = []
  const source = path
    .replace(/[.]/g, "\\.")
    .replace(/:(\w+)(?:\((.+?)\)(?=\/|$))?/g, (_whole, name: string, constraint = ".+") => {
      names.push(name)
      return `(${constraint})`
    })
  return { key, path, methods: methods.split("|"), route, names, pattern: new RegExp(`^${source}$`, "s") }
}

function paramsIn<Route>({ pattern, names }: Entry<Route>, path: string): RouteMatch<Route>["params"] | undefined {
  const match = pattern.exec(path)
  return match ? Object.fromEntries(names.map((name, index) => [name, match[index + 1]!])) : undefined
}
