/** What a case shows of its operation. Every operation has a case of each kind, or a reason why there can be none. */
export type Kind = "success" | "notFound" | "conflict" | "badInput"

/**
 * One request and what it is answered. Texts may name things that the world makes for the case: `{running}` is the ID of a
 * container that runs, `{running.name}` its name (`world.ts` has them all).
 */
export interface Case {
  readonly shows: Kind
  /** Ends the sentence that begins with the operation. */
  readonly when: string
  readonly path: string
  /** Text and bytes go as they are, everything else as JSON. */
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** Where the operation answers to several methods; its first one by default. */
  readonly method?: string
  readonly status: number
  /** Exactly the message of a failure. */
  readonly says?: string | RegExp
  /** The whole body: text, or what its JSON is equal to. */
  readonly equals?: unknown
  /** What the body's text is like. */
  readonly matches?: RegExp
  /** What the body's JSON has, among more. */
  readonly has?: unknown
  /** Exactly the fields of the body's JSON, or of its first entry. */
  readonly fields?: readonly string[]
  /** Headers beyond those of every answer. */
  readonly answers?: Readonly<Record<string, string | RegExp>>
  /** Speaks over the bare connection, as what is taken over by a stream. */
  readonly hijacked?: boolean
}

type Ask = Omit<Partial<Case>, "shows" | "when" | "path">

const failing =
  (shows: Kind, status: number) =>
  (when: string, path: string, says: string | RegExp, ask: Ask = {}): Case => ({
    shows,
    when,
    path,
    says,
    status,
    ...ask,
  })

export const success = (when: string, path: string, status: number, ask: Ask = {}): Case => ({
  shows: "success",
  when,
  path,
  status,
  ...ask,
})
export const notFound = failing("notFound", 404)
export const conflict = failing("conflict", 409)
export const badInput = failing("badInput", 400)

export interface Operation {
  readonly cases: readonly Case[]
  /** Why a kind of answer cannot occur. */
  readonly never?: Partial<Readonly<Record<Exclude<Kind, "success">, string>>>
}

/** The operations of a group, by the keys of the engine's route table. */
export type Operations = Readonly<Record<string, Operation>>

/** The bodies that no route with a JSON body takes. */
export const badBodies = (path: string): readonly Case[] => [
  badInput("is sent broken JSON", path, /^invalid JSON: /, { body: "{", headers: json }),
  badInput("is sent nothing but spaces", path, "invalid JSON: got EOF while reading request body", {
    body: " ",
    headers: json,
  }),
  badInput("is sent two documents", path, "unexpected content after JSON", { body: "{}{}", headers: json }),
  badInput("is sent another type", path, "unsupported Content-Type header (text/plain): must be 'application/json'", {
    body: "{}",
    headers: { "content-type": "text/plain" },
  }),
]

const json = { "content-type": "application/json" }

/** Filters as a query has them; names of things stay to be filled in. */
export const filtered = (filters: unknown): string =>
  `filters=${encodeURIComponent(JSON.stringify(filters)).replace(/%7B([a-z][a-zA-Z.]*)%7D/g, "{$1}")}`

/** A filter that nobody knows. */
export const badFilters = (path: string): readonly Case[] => [
  badInput("is given an unknown filter", `${path}?${filtered({ bogus: ["x"] })}`, "invalid filter 'bogus'"),
  badInput("is given filters that are not JSON", `${path}?filters=x`, "invalid filter"),
]

export const reasons = {
  namesNothing: "names nothing that could be missing",
  changesNothing: "only reads",
  noInput: "takes nothing that could be wrong",
  always: "does what it is asked for in every state",
} as const
