import { expect, test } from "bun:test"
import { backgroundScope } from "../scope.ts"
import { MemoryEventBus } from "./bus.ts"
import { eventSuite } from "./suite.ts"

eventSuite(() => new MemoryEventBus())

test("a listener that throws does not keep the event from the others", () => {
  const errors: unknown[] = []
  const seen: string[] = []
  const bus = new MemoryEventBus((error) => errors.push(error))
  bus.on("/a", () => {
    throw new Error("broken")
  })
  bus.on("/a", (event) => seen.push(event.topic))
  bus.publish(backgroundScope("moby", "test"), "/a", {})
  expect(seen).toEqual(["/a"])
  expect(errors).toHaveLength(1)
})
