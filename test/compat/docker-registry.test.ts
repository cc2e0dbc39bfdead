import { afterAll, beforeAll, expect, test } from "bun:test"
import { createHash, randomBytes } from "node:crypto"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { request } from "node:http"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import type { EventMessage } from "../../src/api/events.ts"
import type { ImageInspect, JsonMessage } from "../../src/api/image.ts"
import { TestDaemon } from "../fixtures/daemon.ts"
import { note, otherWords } from "../fixtures/docker-cli.ts"
import { DockerRegistry, Relay } from "../fixtures/docker-registry.ts"
import { tarOf } from "../tar-archive.ts"

let daemon: TestDaemon
let registry: DockerRegistry

beforeAll(async () => {
  registry = await DockerRegistry.start()
  daemon = await TestDaemon.start()
  await daemon.bootstrap()
})

afterAll(async () => {
  await daemon[Symbol.asyncDispose]()
  await registry[Symbol.asyncDispose]()
})

const docker = async (...args: string[]) => {
  const { code, stdout, stderr } = await daemon.docker(...args)
  if (code !== 0) throw new Error(`docker ${args.join(" ")}: ${stderr}`)
  return stdout
}
const refused = async (...args: string[]) => {
  const { code, stderr } = await daemon.docker(...args)
  expect(code).toBe(1)
  return stderr
}
const inspect = async (ref: string) => (await daemon.json<ImageInspect>("GET", `/images/${ref}/json`)).body

/** Imports an image of one file with `bytes` random bytes. */
async function bigImage(name: string, bytes: number): Promise<void> {
  const tar = tarOf(["big", {}, randomBytes(bytes)])
  const made = await daemon.request("POST", `/images/create?fromSrc=-&repo=${name}`, tar, {
    "content-type": "application/x-tar",
  })
  if (made.status !== 200 || made.text.includes("errorDetail")) throw new Error(made.text)
}

/** Begins a request whose answer is a stream, and resolves when a message fulfils `until`. */
function begun(path: string, until: (message: JsonMessage) => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = ""
    const asked = request({ socketPath: daemon.socket, method: "POST", path, agent: false }, (answer) => {
      answer.on("data", (chunk: Buffer) => {
        text += chunk.toString("utf8")
        const lines = text.split("\r\n")
        text = lines.pop()!
        for (const line of lines) {
          const message = JSON.parse(line) as JsonMessage
          if (message.error) reject(new Error(message.error))
          if (until(message)) resolve()
        }
      })
      answer.on("error", () => {})
    })
    asked.on("error", () => {})
    asked.end()
  })
}

/** Blobs of the daemon whose bytes are not what their name says. */
function damaged(): readonly string[] {
  const folder = join(daemon.root, "data/content/blobs/sha256")
  return readdirSync(folder).filter(
    (name) =>
      createHash("sha256")
        .update(readFileSync(join(folder, name)))
        .digest("hex") !== name,
  )
}

test("what the docker CLI pushes comes back as the same image, by tag, by digest and with all tags", async () => {
  const name = `${registry.host}/team/box`
  for (const tag of ["1", "2"]) await docker("tag", "busybox", `${name}:${tag}`)
  const pushed = await docker("push", `${name}:1`)
  const digest = /^1: digest: (sha256:[0-9a-f]{64}) size: \d+$/m.exec(pushed)![1]!
  expect(pushed).toContain(`The push refers to repository [${name}]`)
  expect(await docker("push", "--all-tags", name)).toContain(`2: digest: ${digest}`)
  const { Id, RepoDigests } = await inspect(`${name}:1`)
  expect(RepoDigests).toEqual([`${name}@${digest}`])
  await docker("rmi", `${name}:1`, `${name}:2`)
  const pulled = await docker("pull", `${name}:1`)
  expect(pulled).toContain("1: Pulling from team/box\n")
  expect(pulled).toContain(`Digest: ${digest}\nStatus: Downloaded newer image for ${name}:1\n`)
  expect(await docker("pull", `${name}:1`)).toContain(`Status: Image is up to date for ${name}:1\n`)
  await docker("rmi", `${name}:1`)
  await docker("pull", `${name}@${digest}`)
  expect((await inspect(`${name}@${digest}`)).Id).toBe(Id)
  expect(await docker("pull", "-a", name)).toContain("2: Pulling from team/box")
  expect(await docker("run", "--rm", `${name}:2`, "echo", "it runs")).toBe("it runs\n")
  await docker("rmi", "-f", `${name}:1`, `${name}:2`)
})

test("a container of an image that is not here pulls it first", async () => {
  const name = `${registry.host}/auto`
  await docker("tag", "busybox", name)
  await docker("push", name)
  await docker("rmi", name)
  const { code, stdout, stderr } = await daemon.docker("run", "--rm", name, "echo", "pulled")
  expect([code, stdout]).toEqual([0, "pulled\n"])
  expect(stderr).toContain(`Unable to find image '${name}:latest' locally`)
  await docker("rmi", "-f", name)
})

test("what is not there, or cannot be, is told in Docker's words and with a status", async () => {
  const name = `${registry.host}/team/box`
  expect(await refused("pull", `${name}:none`)).toBe(
    `Error response from daemon: manifest for ${name}:none not found: manifest unknown: manifest unknown\n`,
  )
  const missing = await daemon.request("POST", `/images/create?fromImage=${name}&tag=none`)
  expect([missing.status, missing.headers["content-type"]]).toEqual([404, "application/json"])
  expect(await refused("push", `${registry.host}/nothing`)).toBe(
    `An image does not exist locally with the tag: ${registry.host}/nothing\n`,
  )
  expect(await refused("pull", "127.0.0.1:9/x")).toBe(
    'Error response from daemon: Get "http://127.0.0.1:9/v2/": dial tcp 127.0.0.1:9: connect: connection refused\n',
  )
  expect(await refused("pull", "scratch")).toBe("Error response from daemon: 'scratch' is a reserved name\n")
  expect(await refused("pull", "--platform", "foobar", "x")).toContain("unknown operating system or architecture")
})

test("a signature policy is read at SIGHUP, and what it refuses is told with a status", async () => {
  const name = `${registry.host}/guarded`
  await docker("tag", "busybox", name)
  await docker("push", name)
  await docker("rmi", name)
  const policy = join(daemon.root, "policy.json")
  const scopes = { docker: { [registry.host]: [{ type: "reject" }] } }
  writeFileSync(policy, JSON.stringify({ default: [{ type: "insecureAcceptAnything" }], transports: scopes }))
  const statusAfter = async (settings: object, expected: number) => {
    writeFileSync(join(daemon.root, "daemon.json"), JSON.stringify(settings))
    process.kill(daemon.pid, "SIGHUP")
    const pulled = () => daemon.request("POST", `/images/create?fromImage=${name}&tag=latest`)
    while ((await pulled()).status !== expected) await pause(5)
  }
  await statusAfter({ "signature-policy": policy }, 403)
  expect(await refused("pull", name)).toContain(
    `is refused by the signature policy: nothing may come from there (transports.docker."${registry.host}" of ${policy})`,
  )
  await statusAfter({}, 200)
  await docker("rmi", name)
})

test("a registry is asked what a name is, without a pull", async () => {
  const name = `${registry.host}/asked`
  await docker("tag", "busybox", name)
  const digest = /digest: (sha256:\S+)/.exec(await docker("push", name))![1]!
  await docker("rmi", name)
  const { status, body } = await daemon.json("GET", `/distribution/${name}:latest/json`)
  expect(status).toBe(200)
  expect(body).toMatchObject({ Descriptor: { digest }, Platforms: [{ os: "linux" }] })
  expect((await daemon.get(`/distribution/${name}:none/json`)).status).toBe(404)
})

test("events tell of pulls and pushes", async () => {
  const name = `${registry.host}/told`
  const since = Math.floor(Date.now() / 1000)
  await docker("tag", "busybox", name)
  await docker("push", name)
  await docker("pull", name)
  const until = Math.ceil(Date.now() / 1000)
  const { text } = await daemon.get(`/events?since=${since}&until=${until}&filters={"type":["image"]}`)
  const events = text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as EventMessage)
  const own = events.filter((event) => event.Actor.Attributes["name"] === name)
  expect(own.map((event) => [event.Action, event.Actor.ID])).toEqual([
    ["push", `${name}:latest`],
    ["pull", `${name}:latest`],
  ])
  await docker("rmi", name)
})

test("a login is checked by the registry, and pulls and pushes use it", async () => {
  const hash = await Bun.password.hash("secret", { algorithm: "bcrypt", cost: 4 })
  await using guarded = await DockerRegistry.start(`user:${hash}\n`)
  const config = join(daemon.root, "config")
  const name = `${guarded.host}/mine`
  await docker("tag", "busybox", name)
  expect(await refused("push", name)).toBe("no basic auth credentials\n")
  const wrong = await daemon.docker("--config", config, "login", "-u", "user", "-p", "wrong", guarded.host)
  expect(wrong.code).toBe(1)
  expect(wrong.stderr).toContain(`login attempt to http://${guarded.host}/v2/ failed with status: 401 Unauthorized`)
  expect(await docker("--config", config, "login", "-u", "user", "-p", "secret", guarded.host)).toContain(
    "Login Succeeded",
  )
  await docker("--config", config, "push", name)
  await docker("rmi", name)
  expect(await refused("pull", name)).toContain("no basic auth credentials")
  await docker("--config", config, "pull", name)
  await docker("rmi", name)
})

test.skipIf(otherWords !== undefined)(
  `manifest lists are made, shown, annotated and pushed as the docker CLI does it${note(otherWords)}`,
  async () => {
    const config = join(daemon.root, "manifests")
    const [one, two, list] = ["one", "other/two", "list"].map((name) => `${registry.host}/${name}:1`) as [
      string,
      string,
      string,
    ]
    await docker("tag", "busybox", one)
    await docker("push", one)
    const barge = async (...args: string[]) => {
      const { code, stdout, stderr } = await daemon.barge("--config", config, ...args)
      if (code !== 0) throw new Error(`barge ${args.join(" ")}: ${stderr}`)
      return stdout
    }
    expect(await barge("image", "copy", one, two)).toContain(`${two}: digest: sha256:`)
    expect(await barge("manifest", "create", list, one, two)).toBe(`Created manifest list ${list}\n`)
    expect((await daemon.barge("--config", config, "manifest", "create", list, one)).stderr).toContain(
      "refusing to amend an existing manifest list with no --amend flag",
    )
    await barge("manifest", "annotate", list, two, "--arch", "arm64", "--variant", "v8")
    const shown = await barge("manifest", "inspect", list)
    expect(JSON.parse(shown)).toMatchObject({
      manifests: [{ platform: { os: "linux" } }, { platform: { architecture: "arm64", variant: "v8" } }],
    })
    const pushed = await barge("manifest", "push", "--purge", list)
    const theirs = await docker("--config", join(daemon.root, "config"), "manifest", "inspect", "--insecure", list)
    expect(JSON.parse(theirs)).toEqual(JSON.parse(shown))
    expect(await docker("pull", list)).toContain(`Digest: ${pushed.trim().split("\n").at(-1)}`)
    // The other platform is not here, but shown.
    expect(await docker("images", "--tree")).toContain("linux/arm64/v8")
    for (const ref of [one, list]) {
      expect(await barge("manifest", "inspect", "-v", one)).toBe(
        await docker("--config", join(daemon.root, "config"), "manifest", "inspect", "-v", "--insecure", one),
      )
      await docker("rmi", ref)
    }
  },
)

test("a daemon that is killed in the middle of a pull goes on from there, and nothing of it is damaged", async () => {
  const bytes = 24 << 20
  await bigImage("big", bytes)
  await using relay = await Relay.to(registry.port)
  await docker("tag", "big", `${registry.host}/killed`)
  await docker("push", `${registry.host}/killed`)
  await docker("rmi", "big", `${registry.host}/killed`)
  relay.limit = bytes / 2
  await begun(`/images/create?fromImage=${relay.host}/killed&tag=latest`, ({ status, progressDetail }) =>
    Boolean(status === "Downloading" && (progressDetail?.current ?? 0) > bytes / 4),
  )
  await daemon.end("SIGKILL")
  await daemon.startAgain()
  expect(damaged()).toEqual([])
  relay.release()
  const before = relay.received
  await docker("pull", `${relay.host}/killed`)
  expect(relay.received - before).toBeLessThan(bytes * 0.8)
  expect(damaged()).toEqual([])
  await docker("rmi", `${relay.host}/killed`)
})

test("a daemon that is killed in the middle of a push pushes again, and the registry has every byte", async () => {
  const bytes = 24 << 20
  await bigImage("big", bytes)
  await using relay = await Relay.to(registry.port)
  const name = `${relay.host}/pushed`
  await docker("tag", "big", name)
  relay.limit = bytes / 2
  await begun(`/images/${name}/push?tag=latest`, ({ status, progressDetail }) =>
    Boolean(status === "Pushing" && (progressDetail?.current ?? 0) > bytes / 4),
  )
  await daemon.end("SIGKILL")
  await daemon.startAgain()
  relay.release()
  expect(await docker("push", name)).toMatch(/latest: digest: sha256:/)
  const { Id } = await inspect(name)
  await docker("rmi", "-f", Id)
  await docker("pull", name)
  expect((await inspect(name)).Id).toBe(Id)
  expect([...registry.damaged(), ...damaged()]).toEqual([])
  await docker("rmi", "-f", Id)
})
