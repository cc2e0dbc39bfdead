import { afterAll, beforeAll, expect, test } from "bun:test"
import { connect } from "node:net"
import { TestDaemon } from "../fixtures/daemon.ts"
import { eventually } from "../fixtures/eventually.ts"

/** What several clients do to one container at the same moment. */
let daemon: TestDaemon
beforeAll(async () => {
  daemon = await TestDaemon.start()
  await daemon.bootstrap()
})
afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]()
})

const rounds = 12

const post = async (path: string, body?: unknown): Promise<number> => (await daemon.json("POST", path, body)).status
const statusOf = async (id: string): Promise<string> =>
  (await daemon.json<{ State: { Status: string } }>("GET", `/containers/${id}/json`)).body.State.Status

async function create(script: string, more: object = {}): Promise<string> {
  const { status, body } = await daemon.json<{ Id: string }>("POST", "/containers/create", {
    Image: "busybox",
    Cmd: ["sh", "-c", script],
    ...more,
  })
  expect(status).toBe(201)
  return body.Id
}

async function remove(id: string): Promise<void> {
  expect((await daemon.request("DELETE", `/containers/${id}?force=1`)).status).toBe(204)
}

/** Attaches. Resolves when the daemon has answered. */
async function attach(id: string) {
  const socket = connect({ path: daemon.socket, allowHalfOpen: true })
  let text = ""
  const heard = Promise.withResolvers<void>()
  const said = Promise.withResolvers<void>()
  const ended = new Promise<string>((resolve) => socket.on("end", () => resolve(text.split("\r\n\r\n")[1]!)))
  socket.on("data", (chunk) => {
    text += chunk.toString("latin1")
    const [, body] = text.split("\r\n\r\n")
    if (body !== undefined) heard.resolve()
    if (body) said.resolve()
  })
  socket.write(
    `POST /containers/${id}/attach?stream=1&stdout=1&stderr=1 HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n`,
  )
  await heard.promise
  expect(text).toStartWith("HTTP/1.1 101")
  return { said: said.promise, ended, close: () => void socket.destroy() }
}

test("a container that has spoken takes signals and execs, though its start has not been answered yet", async () => {
  for (let round = 0; round < rounds; round++) {
    const id = await create("trap 'exit 9' INT; echo ready; while :; do sleep 0.01; done")
    const stream = await attach(id)
    const started = post(`/containers/${id}/start`)
    await stream.said
    const exec = await post(`/containers/${id}/exec`, { Cmd: ["true"] })
    const signal = await post(`/containers/${id}/kill?signal=INT`)
    expect({ exec, signal }).toEqual({ exec: 201, signal: 204 })
    expect(await started).toBe(204)
    const wait = await daemon.json<{ StatusCode: number }>("POST", `/containers/${id}/wait`)
    expect(wait.body.StatusCode).toBe(9)
    stream.close()
    await remove(id)
  }
})

test("who stops, kills or removes a container gets an answer, whoever pauses it meanwhile", async () => {
  const ways = [
    (id: string) => post(`/containers/${id}/stop?t=0`),
    (id: string) => post(`/containers/${id}/kill`),
    async (id: string) => (await daemon.request("DELETE", `/containers/${id}?force=1`)).status,
  ]
  for (let round = 0; round < rounds; round++) {
    const id = await create("trap '' TERM; while :; do sleep 1; done")
    expect(await post(`/containers/${id}/start`)).toBe(204)
    const pauses = [post(`/containers/${id}/pause`), post(`/containers/${id}/pause`)]
    expect(await ways[round % ways.length]!(id)).toBe(204)
    await Promise.all(pauses)
    if (round % ways.length === 2) continue
    expect(await statusOf(id)).toBe("exited")
    await remove(id)
  }
})

test("a container that ends while it is being stopped is stopped", async () => {
  for (let round = 0; round < rounds; round++) {
    const id = await create(`sleep 0.0${round % 10}`)
    expect(await post(`/containers/${id}/start`)).toBe(204)
    const stops = await Promise.all(Array.from({ length: 4 }, () => post(`/containers/${id}/stop`)))
    for (const status of stops) expect([204, 304]).toContain(status)
    expect(await statusOf(id)).toBe("exited")
    await remove(id)
  }
})

test("a container that is being restarted by its policy is stopped for good, and removed, by the first who asks", async () => {
  for (let round = 0; round < rounds; round++) {
    const id = await create(round % 2 === 0 ? "exit 1" : "sleep 0.02", {
      HostConfig: { RestartPolicy: { Name: "always" } },
    })
    expect(await post(`/containers/${id}/start`)).toBe(204)
    await eventually(async () => {
      const { body } = await daemon.json<{ RestartCount: number }>("GET", `/containers/${id}/json`)
      return body.RestartCount > 0
    }, "it was restarted")
    if (round % 3 === 0) {
      const waited = post(`/containers/${id}/wait`)
      expect([204, 304]).toContain(await post(`/containers/${id}/stop?t=0`))
      expect(await statusOf(id)).toBe("exited")
      expect(await waited).toBe(200)
    }
    await remove(id)
  }
})

test("copies out of a container that has just ended do not stand in the way of its removal", async () => {
  const id = await create("head -c 1700000 /dev/zero")
  // A client that takes nothing keeps what the run had from being freed, for a while.
  const slow = connect({ path: daemon.socket })
  slow.write(`POST /containers/${id}/attach?stream=1&stdout=1 HTTP/1.1\r\nHost: docker\r\nContent-Length: 0\r\n\r\n`)
  await new Promise((resolve) => slow.once("readable", resolve))
  const ended = daemon.json("POST", `/containers/${id}/wait?condition=next-exit`)
  expect(await post(`/containers/${id}/start`)).toBe(204)
  await ended
  for (let copy = 0; copy < 3; copy++)
    expect((await daemon.get(`/containers/${id}/archive?path=/etc/hosts`)).status).toBe(200)
  await remove(id)
  slow.destroy()
  expect(daemon.log).not.toContain("removing a container's folder failed")
})

test("two clients attach before the start, and again right after the end, and get all of it", async () => {
  const id = await create("echo all of it")
  const framed = (text: string) => `\u0001\0\0\0\0\0\0${String.fromCharCode(text.length)}${text}`
  for (let round = 0; round < rounds; round++) {
    const streams = [await attach(id), await attach(id)]
    const ended = daemon.json("POST", `/containers/${id}/wait?condition=next-exit`)
    expect(await post(`/containers/${id}/start`)).toBe(204)
    for (const stream of streams) expect(await stream.ended).toBe(framed("all of it\n"))
    await ended
    for (const stream of streams) stream.close()
  }
  await remove(id)
})
