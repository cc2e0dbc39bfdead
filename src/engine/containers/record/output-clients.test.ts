import { expect, test } from "bun:test"
import { OutputClients } from "./output-clients.ts"

const settled = async (promise: Promise<unknown>): Promise<boolean> => {
  let done = false
  void promise.then(() => {
    done = true
  })
  await new Promise((resolve) => setImmediate(resolve))
  return done
}

test("the end of a run waits for the clients attached to it, not for earlier or later ones", async () => {
  const clients = new OutputClients()
  const early = clients.add()
  early()
  const attached = clients.add()
  // No run has ended yet.
  expect(await settled(clients.drained())).toBe(true)
  clients.endRun()
  clients.add()
  const drained = clients.drained()
  expect(await settled(drained)).toBe(false)
  attached()
  expect(await settled(drained)).toBe(true)
})

test("a client that does not read delays the end of a run only for a while", async () => {
  const clients = new OutputClients()
  clients.add()
  clients.endRun()
  await clients.drained()
})
