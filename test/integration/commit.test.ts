import { afterAll, beforeAll, expect, test } from "bun:test"
import { TestDaemon } from "../fixtures/daemon.ts"

let daemon: TestDaemon
beforeAll(async () => {
  daemon = await TestDaemon.start()
  await daemon.bootstrap()
  const { status } = await daemon.json("POST", "/containers/create?name=origin", origin)
  expect(status).toBe(201)
})
afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]()
})

const origin = {
  Image: "busybox",
  Cmd: ["echo", "origin"],
  User: "1",
  Env: ["A=1", "B=2", "PATH=/bin"],
  Labels: { l: "1", m: "2" },
  WorkingDir: "/w",
  ExposedPorts: { "80/tcp": {} },
  Volumes: { "/v": {} },
  StopSignal: "SIGINT",
  Healthcheck: { Test: ["CMD", "check"], Retries: 3 },
}

/** What the image of a commit with this body and these instructions says about running it. */
async function committed(body: unknown, ...changes: string[]): Promise<unknown> {
  const query = changes.map((change) => `&changes=${encodeURIComponent(change)}`).join("")
  const made = await daemon.json<{ Id: string }>("POST", `/commit?container=origin${query}`, body)
  expect(made.status).toBe(201)
  // Newer versions leave empty fields out.
  const image = await daemon.json<{ Config: Record<string, unknown> }>("GET", `/v1.51/images/${made.body.Id}/json`)
  return image.body.Config
}

const kept = {
  User: "1",
  Env: ["A=1", "B=2", "PATH=/bin"],
  Entrypoint: null,
  Cmd: ["echo", "origin"],
  Labels: { l: "1", m: "2" },
  WorkingDir: "/w",
  ExposedPorts: { "80/tcp": {} },
  Volumes: { "/v": {} },
  StopSignal: "SIGINT",
  Healthcheck: { Test: ["CMD", "check"], Retries: 3 },
}

test("a commit keeps the container's configuration, also where a client sends an empty one", async () => {
  expect(await committed(undefined)).toMatchObject(kept)
  expect(await committed({})).toMatchObject(kept)
  expect(await committed({ Cmd: ["other"] })).toMatchObject({ ...kept, Cmd: ["other"] })
})

test("what a commit is given is joined with what the container has", async () => {
  const given = {
    Entrypoint: ["/e"],
    Env: ["B=3", "C=4"],
    Labels: { l: "9" },
    User: "2",
    ExposedPorts: { "81/tcp": {} },
    Volumes: { "/z": {} },
    WorkingDir: "/q",
    StopSignal: "SIGHUP",
    Healthcheck: { Retries: 7 },
    OnBuild: ["RUN x"],
  }
  expect(await committed(given)).toMatchObject({
    ...given,
    // The container's command belongs to no entrypoint: not to this one either.
    Cmd: null,
    Env: ["B=3", "C=4", "A=1", "PATH=/bin"],
    Labels: { l: "9", m: "2" },
    ExposedPorts: { "80/tcp": {}, "81/tcp": {} },
    Volumes: { "/v": {}, "/z": {} },
    Healthcheck: { Test: ["CMD", "check"], Retries: 7 },
  })
})

test("an instruction that sets the entrypoint takes the command away, unless one is given before", async () => {
  expect(await committed({}, 'ENTRYPOINT ["/e"]')).toMatchObject({ ...kept, Entrypoint: ["/e"], Cmd: null })
  expect(await committed({}, 'CMD ["c"]', 'ENTRYPOINT ["/e"]')).toMatchObject({ Entrypoint: ["/e"], Cmd: ["c"] })
  expect(await committed({}, "ENV B=5")).toMatchObject({ ...kept, Env: ["A=1", "B=5", "PATH=/bin"] })
})
