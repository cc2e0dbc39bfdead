import { afterAll, beforeAll, expect, test } from "bun:test"
import { writeFileSync } from "node:fs"
import { hostname } from "node:os"
import { TestDaemon } from "../fixtures/daemon.ts"
import { eventually } from "../fixtures/eventually.ts"
import { freePort } from "../fixtures/free-port.ts"

let daemon: TestDaemon
const tcp = await freePort(2)
const metrics = `127.0.0.1:${tcp + 1}`
const out = async (...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await daemon.docker(...args)
  if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}: ${stderr}\n${daemon.log}`)
  return stdout.trim()
}
type Info = Record<string, unknown> & { ID: string; Warnings: string[] | null }
const info = async (version = "") => (await daemon.json<Info>("GET", `${version}/info`)).body

/** The present, which a few events of just now are before. */
const now = () => String(Date.now() / 1000 + 0.01)

beforeAll(async () => {
  daemon = await TestDaemon.start(["-H", `tcp://127.0.0.1:${tcp}`, "--metrics-addr", metrics])
  await daemon.bootstrap()
})
afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]()
})

test("info counts containers by state and warns of an API that is open to everyone", async () => {
  await out("run", "-d", "--name", "paused", "busybox", "top")
  await out("pause", "paused")
  await out("create", "--name", "stopped", "busybox", "true")
  const { Containers, ContainersRunning, ContainersPaused, ContainersStopped, Warnings } = await info()
  expect([Containers, ContainersRunning, ContainersPaused, ContainersStopped]).toEqual([2, 0, 1, 1])
  expect(Warnings?.[0]).toStartWith(`WARNING: API is accessible on http://127.0.0.1:${tcp} without encryption.`)
  await out("rm", "-f", "paused", "stopped")
})

test("info has its old fields for 1.24", async () => {
  const old = await info("/v1.24")
  expect(old["ExecutionDriver"]).toBe("<not supported>")
  expect(old["SecurityOptions"]).toContain("seccomp")
  expect((await info())["ExecutionDriver"]).toBeUndefined()
})

test("reading the configuration again is an event of the daemon", async () => {
  const { ID } = await info()
  writeFileSync(`${daemon.root}/daemon.json`, '{"labels":["foo=bar"]}')
  process.kill(daemon.pid, "SIGHUP")
  await eventually(async () => String((await info())["Labels"]) === "foo=bar", "the labels are read")
  for (const wanted of [ID, hostname()]) {
    const told = await out("events", "--since", "0", "--until", now(), "--filter", `daemon=${wanted}`)
    expect(told).toContain(`daemon reload ${ID} (`)
    expect(told).toContain('labels=["foo=bar"]')
  }
  expect(await out("events", "--since", "0", "--until", now(), "--filter", "daemon=other")).toBe("")
})

test("events come as JSON lines, as a sequence, or one after the other, as the client accepts them", async () => {
  await out("run", "--rm", "--name", "told", "busybox", "true")
  const query = `/events?since=0&until=${Math.floor(Date.now() / 1000) + 1}&filters={"container":["told"],"event":["start","die"]}`
  const asked = (accept: string, version = "") => daemon.request("GET", `${version}${query}`, undefined, { accept })
  const [plain, byDefault, lines, newlines, sequence] = await Promise.all([
    asked("application/json", "/v1.51"),
    asked("application/json", "/v1.52"),
    asked("application/jsonl", "/v1.51"),
    asked("application/x-ndjson"),
    asked("application/json-seq"),
  ])
  expect(plain.headers["content-type"]).toBe("application/json")
  expect(byDefault.headers["content-type"]).toBe("application/jsonl")
  expect(newlines.headers["content-type"]).toBe("application/x-ndjson")
  expect(lines.headers["content-type"]).toBe("application/jsonl")
  expect(sequence.headers["content-type"]).toBe("application/json-seq")
  expect(
    lines.text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).Action),
  ).toEqual(["start", "die"])
  expect(
    sequence.text
      .split("\x1e")
      .filter(Boolean)
      .map((record) => JSON.parse(record).Action),
  ).toEqual(["start", "die"])
  expect(plain.text).toMatch(/"timeNano":\d{19}\b/)
})

test("metrics tell of the engine and of every running container", async () => {
  const id = await out("run", "-d", "--name", "measured", "busybox", "top")
  const answer = await fetch(`http://${metrics}/metrics`)
  expect(answer.headers.get("content-type")).toStartWith("text/plain; version=0.0.4")
  const text = await answer.text()
  expect(text).toMatch(/^engine_daemon_container_states_containers\{state="running"\} 1$/m)
  expect(text).toMatch(/^engine_daemon_container_actions_seconds_count\{action="start"\} [1-9]/m)
  expect(text).toMatch(/^engine_daemon_events_total [1-9]/m)
  expect(text).toMatch(
    new RegExp(`^barge_container_memory_bytes\\{id="${id}",name="measured",image="busybox"\\} [1-9]`, "m"),
  )
  for (const line of text.trim().split("\n"))
    expect(line).toMatch(/^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{.*\})? [0-9.e+-]+)$/)
  expect((await fetch(`http://${metrics}/`)).status).toBe(404)
  await out("rm", "-f", "measured")
})

test("versions that are too old or too new are refused, and pings say which one is spoken", async () => {
  expect((await daemon.get("/v1.23/info")).text).toContain("client version 1.23 is too old")
  expect((await daemon.get("/v1.99/info")).text).toContain("client version 1.99 is too new")
  const ping = await daemon.request("HEAD", "/_ping")
  expect([ping.status, ping.text, ping.headers["api-version"], ping.headers["swarm"]]).toEqual([
    200,
    "",
    "1.56",
    "inactive",
  ])
  expect(ping.headers["cache-control"]).toBe("no-cache, no-store, must-revalidate")
})

test("stats of a stopped container are zeros, one sample when one is asked for", async () => {
  const id = await out("create", "--name", "idle", "busybox", "true")
  const { text } = await daemon.get("/containers/idle/stats?stream=0")
  const sample = JSON.parse(text)
  expect([sample.id, sample.name, sample.read, sample.cpu_stats.cpu_usage.total_usage]).toEqual([
    id,
    "/idle",
    "0001-01-01T00:00:00Z",
    0,
  ])
  expect((await daemon.get("/containers/idle/stats?stream=1&one-shot=1")).status).toBe(400)
  await out("rm", "idle")
})

test("a stream of stats ends with its container", async () => {
  await out("run", "-d", "--name", "watched", "busybox", "top")
  const stream = daemon.get("/containers/watched/stats")
  const single = await daemon.json<Record<string, { limit?: number }>>(
    "GET",
    "/containers/watched/stats?stream=0&one-shot=1",
  )
  expect(single.body["memory_stats"]?.limit).toBe(((await info())["MemTotal"] as number) ?? 0)
  await out("rm", "-f", "watched")
  const { text } = await stream
  expect(text.trim().split("\n").length).toBeGreaterThanOrEqual(1)
})
