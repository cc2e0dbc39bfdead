import { afterAll, beforeAll, expect, test } from "bun:test"
import { type Answer, TestDaemon } from "../fixtures/daemon.ts"
import { fullBodies } from "../fixtures/full-bodies.ts"
import { seeded } from "../fixtures/seed.ts"
import { type StoreState, settledState, storeState } from "../fixtures/store-state.ts"

let daemon: TestDaemon
let before: StoreState

beforeAll(async () => {
  daemon = await TestDaemon.start()
  await daemon.bootstrap()
  before = await storeState(daemon)
})
afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]()
})

const texts = [
  "",
  " ",
  "/",
  "..",
  "../../..",
  "/../../etc",
  "a\0b",
  "a\nb",
  "x".repeat(300),
  "é💣",
  "-",
  "0",
  "-1",
  "container:",
  "container:x",
  "%s",
  "a=b",
  "=",
  ":",
  "::::",
  "host",
  "none",
]
const numbers: readonly unknown[] = [
  -1,
  0,
  1,
  -(2 ** 31),
  2 ** 31,
  2 ** 32 - 1,
  2 ** 53,
  "9223372036854775807",
  "-9223372036854775808",
]

/** Every leaf of a document with its value. */
function* leaves(value: unknown, path: readonly string[] = []): Generator<[readonly string[], unknown]> {
  if (typeof value !== "object" || value === null) yield [path, value]
  else for (const [key, inner] of Object.entries(value)) yield* leaves(inner, [...path, key])
}

/** A document that has only the value at `path`; a mount has what makes it one. */
function only(like: unknown, [key, ...rest]: readonly string[], by: unknown): unknown {
  if (key === undefined) return by
  const inner = only((like as Record<string, unknown>)[key], rest, by)
  if (key === "Mounts") return { Mounts: [{ Type: "volume", Target: "/m", ...(inner as object[])[0] }] }
  return Array.isArray(like) ? [inner] : { [key]: inner }
}

test("a container with any odd value in any field is made or refused, starts or says why it cannot, and goes without a trace", async () => {
  const random = seeded("odd values of containers")
  const wrong: string[] = []
  const seen = { refused: 0, made: 0, started: 0, failed: 0 }
  for (const [path, value] of leaves(fullBodies["POST /containers/create"])) {
    if (path[0] === "Image") continue
    const odd = typeof value === "string" ? texts : typeof value === "number" ? numbers : [true, false]
    for (const one of odd.filter(() => random.chance(0.4))) {
      const exact = typeof one === "string" && typeof value === "number"
      const document = {
        Image: "busybox",
        Cmd: ["true"],
        ...(only(fullBodies["POST /containers/create"], path, one) as object),
      }
      const body = exact ? JSON.stringify(document).replace(`"${one}"`, one) : JSON.stringify(document)
      const made = await daemon.request("POST", "/containers/create", body, { "content-type": "application/json" })
      const complain = (what: string, { status, text }: Answer) =>
        wrong.push(`${path.join(".")} = ${JSON.stringify(one).slice(0, 80)}: ${what} answered ${status} ${text}`)
      if (made.status !== 201) {
        seen.refused++
        if (![400, 404, 409, 501].includes(made.status)) complain("create", made)
        continue
      }
      seen.made++
      const { Id } = JSON.parse(made.text)
      const inspected = await daemon.get(`/containers/${Id}/json`)
      if (inspected.status !== 200) complain("inspect", inspected)
      if (random.chance(0.05)) {
        const started = await daemon.request("POST", `/containers/${Id}/start`)
        if (started.status === 204) seen.started++
        else {
          seen.failed++
          if (!JSON.parse(started.text).message) complain("start", started)
        }
      }
      const removed = await daemon.request("DELETE", `/containers/${Id}?force=1&v=1`)
      if (removed.status !== 204 && path.at(-1) !== "AutoRemove") complain("remove", removed)
    }
  }
  expect(wrong).toEqual([])
  console.log(JSON.stringify(seen))
  await daemon.request("POST", `/volumes/prune?filters=${encodeURIComponent('{"all":["1"]}')}`)
  expect(await settledState(daemon, before)).toEqual(before)
})
