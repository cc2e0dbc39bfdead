import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test"
import { apiRoutes, type EngineServices } from "../../src/engine/server.ts"
import { absent } from "./operations/absent.ts"
import { archives } from "./operations/archives.ts"
import { askBare } from "./operations/ask.ts"
import { containerLife } from "./operations/container-life.ts"
import { containerMaking } from "./operations/container-making.ts"
import { containerReading } from "./operations/container-reading.ts"
import { execs } from "./operations/execs.ts"
import { images } from "./operations/images.ts"
import { networks } from "./operations/networks.ts"
import type { Case, Kind, Operations } from "./operations/operation.ts"
import { registries } from "./operations/registries.ts"
import { system } from "./operations/system.ts"
import { volumes } from "./operations/volumes.ts"
import { World } from "./operations/world.ts"

const groups: Readonly<Record<string, Operations>> = {
  "making containers": containerMaking,
  "the life of containers": containerLife,
  "looking at containers": containerReading,
  archives,
  execs,
  images,
  volumes,
  networks,
  system,
  registries,
  "what Barge has not": absent,
}

let world: World
beforeAll(async () => {
  world = await World.start()
})
afterEach(() => world.clear())
afterAll(async () => {
  await world?.[Symbol.asyncDispose]()
})

for (const [name, operations] of Object.entries(groups)) {
  describe(name, () => {
    for (const [key, { cases }] of Object.entries(operations))
      for (const one of cases) test(`${key} ${one.when}: ${one.status}`, () => check(key, one))
  })
}

test("every route has a case of success, and of each kind of failure or a reason why it cannot occur", () => {
  const routes = apiRoutes({ traces: {} } as EngineServices).map(([key]) => key)
  const known = Object.assign({}, ...Object.values(groups)) as Operations
  expect(Object.keys(known).filter((key) => !routes.includes(key))).toEqual([])
  const kinds: readonly Kind[] = ["success", "notFound", "conflict", "badInput"]
  const missing = routes.flatMap((key) =>
    kinds
      .filter((kind) => {
        const reason = kind === "success" ? undefined : known[key]?.never?.[kind]
        return !reason && !known[key]?.cases.some((one) => one.shows === kind)
      })
      .map((kind) => `${key}: ${kind}`),
  )
  expect(missing).toEqual([])
})

test("a route is not there for clients of versions before it", async () => {
  const later = apiRoutes({ traces: {} } as EngineServices).filter(([, { since }]) => since !== undefined)
  expect(later.length).toBeGreaterThan(0)
  const known = Object.assign({}, ...Object.values(groups)) as Operations
  for (const [key, { since }] of later) {
    const [major, minor] = since!.split(".").map(Number)
    const path = await world.fill(known[key]!.cases[0]!.path)
    const answer = await world.daemon.request(key.split(" ")[0]!, `/v${major}.${minor! - 1}${path}`)
    expect({ key, status: answer.status, text: answer.text }).toEqual({
      key,
      status: 404,
      text: '{"message":"page not found"}\n',
    })
  }
})

async function check(key: string, one: Case): Promise<void> {
  const method = one.method ?? key.split(/[| ]/, 1)[0]!
  const { body, headers = {} } = one
  const plain = body === undefined || typeof body === "string" || body instanceof Uint8Array
  const text = plain ? body : await world.fill(JSON.stringify(body))
  const path = await world.fill(one.path)
  const sent = plain ? headers : { "content-type": "application/json", ...headers }
  const answer = one.hijacked
    ? await askBare(world.daemon, method, path, String(text ?? ""), sent)
    : await world.daemon.request(method, path, text, sent)
  expect({ status: answer.status, text: answer.text }).toEqual({ status: one.status, text: expect.any(String) })
  const failed = one.says !== undefined
  const always: NonNullable<Case["answers"]> = one.hijacked
    ? {}
    : {
        "api-version": "1.56",
        "docker-experimental": "false",
        ostype: "linux",
        server: /^Docker\/\S+ \(linux\)$/,
        date: / GMT$/,
        ...(failed ? { "content-type": "application/json" } : {}),
      }
  const wanted = Object.entries({ ...always, ...one.answers }).map(([name, value]) => [
    name.toLowerCase(),
    matcher(value),
  ])
  expect(answer.headers).toMatchObject(Object.fromEntries(wanted))
  if (failed) {
    const message = typeof one.says === "string" ? await world.fill(one.says) : one.says!
    expect(JSON.parse(answer.text)).toEqual({ message: matcher(message) })
  }
  if (typeof one.equals === "string") expect(answer.text).toBe(await world.fill(one.equals))
  else if (one.equals !== undefined) expect<unknown>(JSON.parse(answer.text)).toEqual(await filled(one.equals))
  if (one.matches) expect(answer.text).toMatch(one.matches)
  if (one.has !== undefined) expect(JSON.parse(answer.text)).toMatchObject((await filled(one.has)) as object)
  if (one.fields) {
    const json = JSON.parse(answer.text.trim().split("\n")[0]!) as object | object[]
    expect(Object.keys(Array.isArray(json) ? json[0]! : json).sort()).toEqual([...one.fields].sort())
  }
  if (one.status === 204 || one.status === 304) expect(answer.text).toBe("")
}

const matcher = (value: string | RegExp) => (value instanceof RegExp ? expect.stringMatching(value) : value)

/** The value with its texts filled, and its patterns made into matchers. */
async function filled(value: unknown): Promise<unknown> {
  if (typeof value === "string") return await world.fill(value)
  if (value instanceof RegExp) return expect.stringMatching(value)
  if (value === Number || value === String || value === Boolean) return expect.any(value as NumberConstructor)
  if (Array.isArray(value)) return await Promise.all(value.map(filled))
  if (typeof value !== "object" || value === null) return value
  const entries = Object.entries(value).map(
    async ([key, inner]) => [await world.fill(key), await filled(inner)] as const,
  )
  return Object.fromEntries(await Promise.all(entries))
}
