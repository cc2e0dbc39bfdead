import { afterAll, beforeAll, expect, test } from "bun:test"
import { TestDaemon } from "../fixtures/daemon.ts"
import { freePort } from "../fixtures/free-port.ts"
import { Pinger } from "../fixtures/pinger.ts"
import { config, digestOf } from "../fixtures/two-layer-image.ts"
import { tarOf } from "../tar-archive.ts"

const metrics = `127.0.0.1:${await freePort(1)}`
let daemon: TestDaemon
let pinger: Pinger
const names = Array.from({ length: 300 }, (_, at) => `many-${at}`)

beforeAll(async () => {
  daemon = await TestDaemon.start(["--metrics-addr", metrics])
  await daemon.bootstrap()
  for (const name of names) {
    await daemon.json("POST", `/containers/create?name=${name}`, {
      Image: "busybox",
      HostConfig: { NetworkMode: "none" },
    })
  }
  pinger = await Pinger.start(daemon.socket)
})
afterAll(async () => {
  pinger?.[Symbol.dispose]()
  await daemon?.[Symbol.asyncDispose]()
})

/**
 * Holds that pings were answered while the work went on. How long one may take depends on the machine; that none took most of the time, as
 * it does when the daemon's thread is held by the work, does not.
 */
async function servesDuring(work: () => Promise<{ readonly status: number }>): Promise<void> {
  let status = 0
  const { answered, longest, took } = await pinger.during(async () => {
    status = (await work()).status
  })
  expect(status).toBe(200)
  expect(answered).toBeGreaterThan(1)
  expect(longest).toBeLessThan(took / 2)
}

test("lists of hundreds of containers, with their sizes, let others be served", () =>
  servesDuring(() => daemon.get("/containers/json?all=1&size=1")))

test("the disk's usage with hundreds of containers lets others be served", () =>
  servesDuring(() => daemon.get("/system/df")))

test("changes of thousands of files come whole and in order, and let others be served", async () => {
  const paths = Array.from({ length: 2500 }, (_, at) => `many/${String(at).padStart(4, "0")}`)
  const archive = tarOf(["many/", { type: "directory" }], ...paths.map((path) => [path] as const))
  const put = await daemon.request("PUT", "/containers/many-0/archive?path=/", archive, {
    "content-type": "application/x-tar",
  })
  expect(put.status).toBe(200)
  let changes: { Path: string; Kind: number }[] = []
  await servesDuring(async () => {
    const answer = await daemon.get("/containers/many-0/changes")
    changes = JSON.parse(answer.text)
    return answer
  })
  const below = changes.filter(({ Path }) => Path.startsWith("/many"))
  expect(below.map(({ Path }) => Path)).toEqual(["/many", ...paths.map((path) => `/${path}`)])
  expect(new Set(below.map(({ Kind }) => Kind))).toEqual(new Set([1]))
})

test("a load of many images tells and names each, and lets others be served", async () => {
  const layer = tarOf(["etc/one", {}, "1"])
  const images = Array.from({ length: 30 }, (_, at) => {
    const text = JSON.stringify({ ...JSON.parse(config(layer)), author: `number ${at}` })
    return { text, file: `${digestOf(text).slice(7)}.json`, tag: `loaded-${at}:latest` }
  })
  const archive = tarOf(["layer.tar", {}, layer], ...images.map(({ file, text }) => [file, {}, text] as const), [
    "manifest.json",
    {},
    JSON.stringify(images.map(({ file, tag }) => ({ Config: file, RepoTags: [tag], Layers: ["layer.tar"] }))),
  ])
  let told = ""
  await servesDuring(async () => {
    const answer = await daemon.request("POST", "/images/load?quiet=1", archive, {
      "content-type": "application/x-tar",
    })
    told = answer.text
    return answer
  })
  expect([...(told.match(/loaded-\d+:latest/g) ?? [])]).toEqual(images.map(({ tag }) => tag))
  const { body } = await daemon.json<{ Id: string; RepoTags: string[] }[]>("GET", "/images/json")
  const ids = new Map(body.flatMap(({ Id, RepoTags }) => RepoTags.map((tag) => [tag, Id] as const)))
  expect(images.map(({ tag }) => ids.get(tag))).toEqual(images.map(({ text }) => digestOf(text)))
})

test("a request and answers of megabytes let others be served, and nothing of them is lost", async () => {
  const Env = Array.from({ length: 60_000 }, (_, at) => `VARIABLE_${at}=${"y".repeat(20)}`)
  const Labels = Object.fromEntries(Array.from({ length: 10_000 }, (_, at) => [`label-${at}`, `"value" ${at}`]))
  const body = JSON.stringify({ Image: "busybox", Env, Labels, HostConfig: { NetworkMode: "none" } })
  const headers = { "content-type": "application/json" }
  let id = ""
  await servesDuring(async () => {
    const answer = await daemon.request("POST", "/containers/create?name=large", body, headers)
    id = JSON.parse(answer.text).Id
    return { status: answer.status === 201 ? 200 : answer.status }
  })
  const { Config } = JSON.parse((await daemon.get(`/containers/${id}/json`)).text)
  expect(Config.Env.slice(0, Env.length)).toEqual(Env)
  expect(Config.Labels).toEqual(Labels)
  const events = await daemon.get(
    `/events?since=0&until=${Math.ceil(Date.now() / 1000)}&filters={"container":["${id}"]}`,
  )
  expect(JSON.parse(events.text).Actor.Attributes).toMatchObject(Labels)
  await daemon.request("DELETE", `/containers/${id}`)
})

test("a container with hundreds of mounts lets others be served", async () => {
  const paths = Array.from({ length: 400 }, (_, at) => `/volumes/${at}`)
  const body = { Image: "busybox", Cmd: ["true"], Volumes: Object.fromEntries(paths.map((path) => [path, {}])) }
  let id = ""
  await servesDuring(async () => {
    const { status, body: made } = await daemon.json<{ Id: string }>("POST", "/containers/create", body)
    id = made.Id
    return { status: status === 201 ? 200 : status }
  })
  await servesDuring(async () => {
    const { status } = await daemon.request("POST", `/containers/${id}/start`)
    await daemon.request("POST", `/containers/${id}/wait`)
    return { status: status === 204 ? 200 : status }
  })
  const { body: inspect } = await daemon.json<{ Mounts: { Destination: string }[] }>("GET", `/containers/${id}/json`)
  expect(inspect.Mounts.map(({ Destination }) => Destination)).toEqual(paths.toSorted())
  expect((await daemon.json<{ Volumes: unknown[] }>("GET", "/volumes")).body.Volumes.length).toBe(paths.length)
  expect((await daemon.request("DELETE", `/containers/${id}?v=1`)).status).toBe(204)
  expect((await daemon.json<{ Volumes: unknown[] }>("GET", "/volumes")).body.Volumes).toEqual([])
})

test("a filter that would take an ordinary matcher years is answered at once", async () => {
  await daemon.json("POST", `/containers/create?name=${"a".repeat(60)}.`, { Image: "busybox" })
  const { status, body } = await daemon.json<unknown[]>(
    "GET",
    '/containers/json?all=1&filters={"name":["^(a%2B)%2B$"]}',
  )
  expect({ status, body }).toEqual({ status: 200, body: [] })
})

test("metrics tell for how long the daemon's thread was held", async () => {
  const text = await (await fetch(`http://${metrics}/metrics`)).text()
  expect(text).toMatch(/^barge_event_loop_stall_seconds_count [1-9]/m)
  expect(text).toMatch(/^barge_event_loop_longest_stall_seconds [0-9.e-]+$/m)
})
