import { expect, test } from "bun:test"
import { backgroundScope } from "../scope.ts"
import type { CoreEvent, EventBus } from "./contract.ts"

const scope = backgroundScope("moby", "test")
const other = backgroundScope("k8s.io", "test")

async function take(events: AsyncIterable<CoreEvent>, count: number): Promise<CoreEvent[]> {
  const taken: CoreEvent[] = []
  for await (const event of events) {
    taken.push(event)
    if (taken.length === count) break
  }
  return taken
}

/** What every {@link EventBus} must do. */
export function eventSuite(make: () => EventBus): void {
  test("a listener hears its topic at once and in order, until it ends", () => {
    const bus = make()
    const seen: unknown[] = []
    const end = bus.on("/tasks/exit", (event) => seen.push(event.payload["n"]))
    bus.publish(scope, "/tasks/exit", { n: 1 })
    bus.publish(scope, "/tasks/start", { n: 2 })
    bus.publish(other, "/tasks/exit", { n: 3 })
    end()
    bus.publish(scope, "/tasks/exit", { n: 4 })
    expect(seen).toEqual([1, 3])
  })

  test("a subscription hears what is published between the call and the first read", async () => {
    const bus = make()
    const events = bus.subscribe({ namespace: "moby" })
    bus.publish(other, "/a", {})
    bus.publish(scope, "/b", {})
    bus.publish(scope, "/c", {})
    const taken = await take(events, 2)
    expect(taken.map((event) => event.topic)).toEqual(["/b", "/c"])
    expect(taken[1]!.sequence).toBe(taken[0]!.sequence + 1)
    expect(taken[1]!.timestamp).toBeGreaterThan(taken[0]!.timestamp)
  })

  test("the history gives at least 256 events, without gap to the present", async () => {
    const bus = make()
    for (let n = 0; n < 300; n++) bus.publish(scope, "/old", { n })
    const events = bus.subscribe({ since: 0n })
    bus.publish(scope, "/new", { n: 300 })
    const taken = await take(events, 257)
    expect(taken.map((event) => event.payload["n"])).toEqual(Array.from({ length: 257 }, (_, index) => index + 44))
  })

  test("a slow subscriber loses the oldest and sees it in the sequence", async () => {
    const bus = make()
    const events = bus.subscribe()
    for (let n = 0; n < 5000; n++) bus.publish(scope, "/flood", { n })
    const [first, second] = await take(events, 2)
    expect(first!.sequence).toBeGreaterThan(1)
    expect(second!.sequence).toBe(first!.sequence + 1)
  })

  test("a subscription ends when its signal aborts", async () => {
    const bus = make()
    const controller = new AbortController()
    const taken = take(bus.subscribe({ signal: controller.signal }), 10)
    bus.publish(scope, "/a", {})
    controller.abort()
    bus.publish(scope, "/b", {})
    expect((await taken).map((event) => event.topic)).toEqual(["/a"])
  })
}
