import { expect, test } from "bun:test"
import { Deliveries } from "./output-clients.ts"

const settled = async (promise: Promise<unknown>): Promise<boolean> => {
  let done = false
  void promise.then(() => {
    done = true
  })
  await new Promise((resolve) => setImmediate(resolve))
  return done
}

test("the end of a run waits for who was attached to it, not for who came before or after", async () => {
  const deliveries = new Deliveries()
  const early = deliveries.begin()
  early()
  const attached = deliveries.begin()
  // Nothing has ended yet.
  expect(await settled(deliveries.made())).toBe(true)
  deliveries.endRun()
  deliveries.begin()
  const made = deliveries.made()
  expect(await settled(made)).toBe(false)
  attached()
  expect(await settled(made)).toBe(true)
})

test("a client that does not read is waited for only so long", async () => {
  const deliveries = new Deliveries()
  deliveries.begin()
  deliveries.endRun()
  await deliveries.made()
})
