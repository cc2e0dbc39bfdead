import { expect, test } from "bun:test"
import type { EventMessage } from "../../api/events.ts"
import { backgroundScope } from "../../core/scope.ts"
import { EventHistory, eventMatches } from "./service.ts"

const scope = backgroundScope("moby", "test")
const container = (Action: string, ID = "abc") =>
  ({ Type: "container", Action, Actor: { ID, Attributes: { name: "web", image: "busybox:latest" } } }) as const
const filters = (entries: Record<string, string[]>) => new Map(Object.entries(entries))
const message = (event: ReturnType<typeof container>): EventMessage => ({
  ...event,
  scope: "local",
  time: 1,
  timeNano: 1n,
})

test("a subscription hears what is published between its call and its first read", async () => {
  const events = new EventHistory()
  const controller = new AbortController()
  const stream = events.subscribe({ ...scope, signal: controller.signal }, { filters: new Map() })
  events.publish(container("create"))
  for await (const event of stream) {
    expect(event.Action).toBe("create")
    controller.abort()
  }
  expect(events.listeners).toBe(0)
})

test("an until in the past ends after the history", async () => {
  const events = new EventHistory()
  events.publish(container("create"))
  const seen: string[] = []
  const until = BigInt(Date.now()) * 1_000_000n + 5_000_000n
  for await (const event of events.subscribe(scope, { since: 0n, until, filters: new Map() })) seen.push(event.Action)
  expect(seen).toEqual(["create"])
})

test("the history holds 256 events", async () => {
  const events = new EventHistory()
  for (let i = 0; i < 300; i++) events.publish(container(`n${i}`))
  const seen: string[] = []
  for await (const event of events.subscribe(scope, {
    since: 0n,
    until: BigInt(Date.now() + 2) * 1_000_000n,
    filters: new Map(),
  })) {
    seen.push(event.Action)
  }
  expect(seen.length).toBe(256)
  expect(seen[0]).toBe("n44")
})

test("the filter event=exec_create matches whatever is executed", () => {
  expect(eventMatches(filters({ event: ["exec_create"] }), message(container("exec_create: sh -c x")))).toBe(true)
  expect(eventMatches(filters({ event: ["exec"] }), message(container("exec_create: sh")))).toBe(false)
})

test("containers are found by the beginning of name or ID, images without their tag", () => {
  expect(eventMatches(filters({ container: ["web"] }), message(container("die")))).toBe(true)
  expect(eventMatches(filters({ container: ["ab"] }), message(container("die")))).toBe(true)
  expect(eventMatches(filters({ container: ["we"] }), message(container("die")))).toBe(true)
  expect(eventMatches(filters({ container: ["db"] }), message(container("die")))).toBe(false)
  expect(eventMatches(filters({ image: ["busybox"] }), message(container("die")))).toBe(true)
})
