import { expect, test } from "bun:test"
import type { ExitRecord } from "../../shim/contract.ts"
import { MemoryEventBus } from "../events/bus.ts"
import { TaskEvents } from "./events.ts"

const scope = { namespace: "moby" }
const exit = (change: Partial<ExitRecord>): ExitRecord => ({ id: "c", pid: 7, at: "5", oomKilled: false, ...change })

/** The events that `work` publishes. */
async function published(work: (events: TaskEvents) => Promise<void> | void) {
  const bus = new MemoryEventBus()
  const abort = new AbortController()
  const told = bus.subscribe({ signal: abort.signal })
  await work(new TaskEvents(bus))
  abort.abort()
  return await Array.fromAsync(told, ({ topic, payload }) => [topic, payload] as unknown)
}

test("a container that the kernel killed for want of memory is told so before its exit", async () => {
  expect(await published((events) => events.ended("moby", exit({ code: 137, oomKilled: true })))).toEqual([
    ["/tasks/oom", { container_id: "c" }],
    ["/tasks/exit", { container_id: "c", id: "c", pid: 7, exit_status: 137, exited_at: 5n }],
  ])
})

test("an exit that nobody could know has status 255", async () => {
  expect(await published((events) => events.ended("moby", exit({})))).toEqual([
    ["/tasks/exit", { container_id: "c", id: "c", pid: 7, exit_status: 255, exited_at: 5n }],
  ])
})

test("an exec that ends before its start is answered is told to have started first", async () => {
  const told = await published(async (events) => {
    await events.startingExec(scope, "c", "e", async () => {
      events.ended("moby", exit({ execId: "e", code: 0 }))
      return { pid: 7 }
    })
  })
  expect(told).toEqual([
    ["/tasks/exec-started", { container_id: "c", exec_id: "e", pid: 7 }],
    ["/tasks/exit", { container_id: "c", id: "e", pid: 7, exit_status: 0, exited_at: 5n }],
  ])
})

test("an exec that does not start is told of no further", async () => {
  const told = await published(async (events) => {
    await events.startingExec(scope, "c", "e", () => Promise.reject(new Error("no such program"))).catch(() => {})
  })
  expect(told).toEqual([])
})
