import { expect, test } from "bun:test"
import { kindOf } from "../../errors/failure.ts"
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

/** The behaviour of every {@link EventBus}. */
export function eventSuite(make: () => EventBus): void {
  const paused = (bus: EventBus, id: string | number) =>
    bus.publish(scope, "/tasks/paused", { container_id: String(id) })
  const idOf = (event: CoreEvent) => (event.topic === "/tasks/paused" ? event.payload.container_id : event.topic)

  test("a subscription gets what is published between the call and the first read", async () => {
    const bus = make()
    const events = bus.subscribe()
    paused(bus, "a")
    bus.publish(other, "/images/delete", { name: "b" })
    const taken = await take(events, 2)
    expect(taken.map(({ namespace, topic, payload }) => ({ namespace, topic, payload }))).toEqual([
      { namespace: "moby", topic: "/tasks/paused", payload: { container_id: "a" } },
      { namespace: "k8s.io", topic: "/images/delete", payload: { name: "b" } },
    ])
    expect(taken[1]!.sequence).toBe(taken[0]!.sequence + 1)
    expect(taken[1]!.timestamp).toBeGreaterThan(taken[0]!.timestamp)
  })

  test("filters choose by namespace, topic and fields; one of them is enough", async () => {
    const bus = make()
    const events = bus.subscribe({
      filters: ["namespace==k8s.io", "topic~=|^/images/|,event.labels.kept", "event.container_id==wanted"],
    })
    paused(bus, "other")
    paused(bus, "wanted")
    bus.publish(scope, "/images/create", { name: "a", labels: {} })
    bus.publish(scope, "/images/create", { name: "b", labels: { kept: "" } })
    bus.publish(other, "/images/create", { name: "c", labels: {} })
    const named = (await take(events, 3)).map(({ payload }) => Object.values(payload)[0])
    expect(named).toEqual(["wanted", "b", "c"])
    let refusal: unknown
    try {
      bus.subscribe({ filters: ["topic=x"] })
    } catch (error) {
      refusal = error
    }
    expect(kindOf(refusal)).toBe("invalidArgument")
  })

  test("the history gives at least 256 events, without gap to the present", async () => {
    const bus = make()
    for (let n = 0; n < 300; n++) paused(bus, n)
    const events = bus.subscribe({ since: 0n })
    paused(bus, 300)
    const taken = await take(events, 257)
    expect(taken.map(idOf)).toEqual(Array.from({ length: 257 }, (_, index) => String(index + 44)))
  })

  test("a slow subscriber loses the oldest and sees it in the sequence", async () => {
    const bus = make()
    const events = bus.subscribe()
    for (let n = 0; n < 5000; n++) paused(bus, n)
    const [first, second] = await take(events, 2)
    expect(first!.sequence).toBeGreaterThan(1)
    expect(second!.sequence).toBe(first!.sequence + 1)
  })

  test("a subscription ends when its signal aborts", async () => {
    const bus = make()
    const controller = new AbortController()
    const taken = take(bus.subscribe({ signal: controller.signal }), 10)
    paused(bus, "a")
    controller.abort()
    paused(bus, "b")
    expect((await taken).map(idOf)).toEqual(["a"])
  })
}
