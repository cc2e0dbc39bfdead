import { expect, test } from "bun:test"
import {
  eventRecorder,
  logRecorder,
  someContainer,
  someRegistry,
  someScope,
} from "../../../../test/fixtures/container-records.ts"
import type { OutputChunk } from "../../../logs/contract.ts"
import type { RuntimeInfo } from "../../../runtime/contract.ts"
import type { AttachOptions, AttachStream } from "../../../shim/contract.ts"
import type { HijackedStream } from "../../../std/hijacked-stream.ts"
import { frame } from "../../../std/stdcopy.ts"
import type { Container } from "../record/container.ts"
import type { ContainerAttachOptions } from "./contract.ts"
import { ContainerStdio } from "./service.ts"

const runtime = (name: string, checkpoints: boolean) => ({ name, checkpoints }) as RuntimeInfo

async function open(container: Container, output: readonly OutputChunk[] = []) {
  const events = eventRecorder()
  const calls: string[] = []
  const attached: AttachOptions[] = []
  const input: string[] = []
  const process: AttachStream = {
    position: { generation: 0, offset: 0 },
    reached: { generation: 0, offset: 0 },
    output: (async function* () {
      yield* output
    })(),
    lagged: false,
    write: async (bytes) => void input.push(Buffer.from(bytes).toString()),
    closeStdin: async () => void input.push("end of input"),
    [Symbol.asyncDispose]: async () => void calls.push("closed"),
  }
  const stdio = new ContainerStdio({
    registry: await someRegistry(container),
    tasks: {
      open: async () => void calls.push("open"),
      attach: async (_scope, options) => {
        calls.push("attach")
        attached.push(options)
        return process
      },
      resize: async (_scope, _id, { height, width }) => void calls.push(`resize ${height}x${width}`),
    },
    events,
    log: logRecorder().log,
    runtimes: [runtime("crun", false), runtime("runc", true)],
    defaults: { experimental: true },
    containersRoot: "/var/lib/barge/containers",
  })
  return { stdio, events, calls, attached, input }
}

/** A client that sends these bytes, then half-closes. */
function someClient(...sent: readonly string[]) {
  const received: Uint8Array[] = []
  const closed = Promise.withResolvers<void>()
  const client: HijackedStream = {
    input: (async function* () {
      for (const text of sent) yield Buffer.from(text)
    })(),
    write: async (bytes) => void received.push(Uint8Array.from(bytes)),
    taken: async () => {},
    closeWrite: async () => closed.resolve(),
    abort: () => closed.resolve(),
    closed: closed.promise,
  }
  return { client, received: () => Buffer.concat(received) }
}

const options = (changes: Partial<ContainerAttachOptions> = {}): ContainerAttachOptions => ({
  logs: false,
  stream: true,
  stdin: false,
  stdout: true,
  stderr: true,
  raw: false,
  ...changes,
})

const chunk = (stream: "stdout" | "stderr", text: string): OutputChunk => ({ stream, at: 1n, bytes: Buffer.from(text) })

test("a client attached before the start opens the container's stdio and gets its framed output", async () => {
  const container = someContainer("web")
  const { stdio, events, calls } = await open(container, [chunk("stdout", "out"), chunk("stderr", "err")])
  const attachment = await stdio.attach(someScope, container, "web", options())
  expect(attachment.multiplexed).toBe(true)
  const { client, received } = someClient()
  await attachment.serve(client)
  expect(received()).toEqual(Buffer.concat([frame("stdout", Buffer.from("out")), frame("stderr", Buffer.from("err"))]))
  expect(calls).toEqual(["open", "attach", "closed"])
  expect(events.actions).toEqual(["container attach"])
})

test("only the wanted stream is sent, and a terminal's output has no frames", async () => {
  const container = someContainer("web", { config: { Tty: true }, state: { status: "running", startedAt: "1" } })
  const { stdio, calls } = await open(container, [chunk("stdout", "out"), chunk("stderr", "err")])
  const attachment = await stdio.attach(someScope, container, "web", options({ stderr: false }))
  const { client, received } = someClient()
  await attachment.serve(client)
  expect(received().toString()).toBe("out")
  expect(calls).toEqual(["attach", "closed"])
})

test("input reaches a container that keeps stdin open, and only such a one", async () => {
  for (const OpenStdin of [true, false]) {
    const container = someContainer("web", {
      config: { OpenStdin, StdinOnce: true },
      state: { status: "running", startedAt: "1" },
    })
    const { stdio, input, attached } = await open(container)
    const attachment = await stdio.attach(someScope, container, "web", options({ stdin: true }))
    const served = attachment.serve(someClient("hello").client)
    container.notifyExit()
    await served
    expect(attached[0]!.stdin).toBe(OpenStdin)
    expect(input).toEqual(OpenStdin ? ["hello", "end of input"] : [])
  }
})

test("a paused, restarting or removed container refuses clients", async () => {
  const refusal = async (container: Container) => {
    const { stdio } = await open(container)
    return await stdio.attach(someScope, container, "web", options()).then(
      () => "attached",
      (error: Error) => error.message,
    )
  }
  const removed = someContainer("web")
  removed.removed = true
  expect(await refusal(someContainer("web", { state: { status: "paused" } }))).toContain("is paused")
  expect(await refusal(someContainer("web", { state: { status: "restarting" } }))).toContain("is restarting")
  expect(await refusal(removed)).toContain("is being removed")
})

test("pipes are made for checkpoints only in runtimes that can make them", async () => {
  const inCrun = someContainer("web", { hostConfig: { Runtime: "crun" } })
  const inRunc = someContainer("web", { hostConfig: { Runtime: "runc" } })
  const { stdio } = await open(inCrun)
  expect([inCrun, inRunc].map((container) => stdio.io(container).checkpointable)).toEqual([undefined, true])
})

test("the size of a terminal is set only while the container runs", async () => {
  const container = someContainer("web")
  const { stdio, calls, events } = await open(container)
  await expect(stdio.resize(someScope, container, { height: 24, width: 80 })).rejects.toMatchObject({
    kind: "conflict",
  })
  container.state.status = "running"
  await stdio.resize(someScope, container, { height: 24, width: 80 })
  expect(calls).toEqual(["resize 24x80"])
  expect(events.actions).toEqual(["container resize"])
})

test("logs need a stream, and a driver that keeps a copy", async () => {
  const container = someContainer("web", { hostConfig: { LogConfig: { Type: "none", Config: {} } } })
  const { stdio } = await open(container)
  const asked = { follow: false, stdout: false, stderr: false, timestamps: false, details: false }
  expect(() => stdio.logs(someScope, container, asked)).toThrow("you must choose at least one stream")
  expect(() => stdio.logs(someScope, container, { ...asked, stdout: true })).toThrow("does not support reading")
})
