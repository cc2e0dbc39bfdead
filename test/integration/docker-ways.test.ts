import { afterAll, beforeAll, expect, test } from "bun:test"
import { writeFileSync } from "node:fs"
import { connect } from "node:net"
import type { ContainerInspect } from "../../src/api/container.ts"
import { TestDaemon } from "../fixtures/daemon.ts"
import { tarOf } from "../tar-archive.ts"

let daemon: TestDaemon
const out = async (...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await daemon.docker(...args)
  if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}: ${stderr}\n${daemon.log}`)
  return stdout.trim()
}
const filtered = (path: string, filters: object) =>
  daemon.get(`${path}${path.includes("?") ? "&" : "?"}filters=${encodeURIComponent(JSON.stringify(filters))}`)
const create = (name: string, body: object) =>
  daemon.json<{ Id: string; message?: string }>("POST", `/containers/create?name=${name}`, {
    Image: "busybox",
    Cmd: ["top"],
    ...body,
  })
const inspect = async (name: string) => (await daemon.json<ContainerInspect>("GET", `/containers/${name}/json`)).body

beforeAll(async () => {
  daemon = await TestDaemon.start()
  await daemon.bootstrap()
})
afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]()
})

test("namespaces of another container are those of the one that had the name at the creation", async () => {
  const id = await out("run", "-d", "--name", "neighbour", "busybox", "top")
  const joining = ["--network", "container:neighbour", "--pid", "container:neighbour"]
  await out("create", "--name", "guest", ...joining, "busybox", "true")
  const { HostConfig } = await inspect("guest")
  expect([HostConfig.NetworkMode, HostConfig.PidMode]).toEqual([`container:${id}`, `container:${id}`])
  await out("rm", "-f", "neighbour")
  await out("run", "-d", "--name", "neighbour", "busybox", "top")
  expect((await daemon.docker("start", "guest")).stderr).toContain(`No such container: ${id}`)
  await out("rm", "-f", "neighbour", "guest")
})

test("an empty ID finds no container, an empty network all that are in one", async () => {
  await out("create", "--name", "seen", "busybox", "true")
  const found = async (filters: object) => JSON.parse((await filtered("/containers/json?all=1", filters)).text).length
  expect([await found({ id: [""] }), await found({ network: [""] }), await found({ name: [""] })]).toEqual([0, 1, 1])
  await out("rm", "seen")
})

test("volumes that are declared by a relative path lie at the root, and inspect shows the path as it was declared", async () => {
  await create("declared", { Volumes: { NAME: {}, "./foo/bar": {} }, Cmd: ["ls", "-d", "/NAME", "/foo/bar"] })
  expect(await out("start", "-a", "declared")).toBe("/NAME\n/foo/bar")
  const { Mounts, Config } = await inspect("declared")
  expect(Mounts.map(({ Destination }) => Destination).sort()).toEqual(["NAME", "foo/bar"])
  expect(Object.keys(Config.Volumes ?? {})).toEqual(["./foo/bar", "NAME"])
  await out("rm", "-v", "declared")
})

test("an archive without the padding of its last entry is taken, one that is cut within the data is not", async () => {
  const whole = tarOf(["file", {}, "content"])
  const unpadded = whole.subarray(0, 512 + 7)
  await create("target", {})
  const put = (bytes: Uint8Array) => daemon.request("PUT", "/containers/target/archive?path=/", bytes)
  expect((await put(unpadded)).status).toBe(200)
  expect(await out("cp", "target:/file", "-")).toContain("content")
  expect((await put(whole.subarray(0, 512 + 3))).text).toContain("in the middle of an entry")
  const imported = await daemon.request("POST", "/images/create?fromSrc=-&repo=unpadded", unpadded)
  expect(imported.text).not.toContain("error")
  await out("rm", "target")
  await out("rmi", "unpadded")
})

test("events ignore filters that they do not know, and everything begins with an empty name", async () => {
  const count = async (filters: object) =>
    (await filtered(`/events?since=1&until=${Math.floor(Date.now() / 1000) + 1}`, filters)).text.split("\n").length - 1
  const all = await count({})
  expect(all).toBeGreaterThan(3)
  expect([await count({ nonsense: ["x"] }), await count({ container: [""] }), await count({ event: [""] })]).toEqual([
    all,
    all,
    0,
  ])
  expect(await count({ image: [""] })).toBeLessThan(all)
})

test("more memory than an unset swap limit is refused without one", async () => {
  await create("unlimited", {})
  const { stderr } = await daemon.docker("update", "--memory", "100m", "unlimited")
  expect(stderr).toContain("Memory limit should be smaller than already set memoryswap limit")
  await out("update", "--memory", "100m", "--memory-swap", "200m", "unlimited")
  await out("rm", "unlimited")
})

test("a domain name does not go with the host's UTS namespace", async () => {
  const { status, body } = await create("named", { Domainname: "example.org", HostConfig: { UTSMode: "host" } })
  expect([status, body.message]).toEqual([400, "conflicting options: domainname and the UTS mode"])
})

test("what is not paused cannot be unpaused, and what is paused says so to exec", async () => {
  const id = await out("run", "-d", "--name", "still", "busybox", "top")
  const { status, body } = await daemon.json<{ message: string }>("POST", "/containers/still/unpause")
  expect([status, body.message]).toEqual([500, `Container ${id} is not paused`])
  await out("pause", "still")
  const { stderr } = await daemon.docker("exec", "still", "true")
  expect(stderr).toContain("Container still is paused, unpause the container before exec")
  await out("rm", "-f", "still")
})

test("saving nothing is an archive without an image", async () => {
  const { status, bytes } = await daemon.get("/images/get")
  expect(status).toBe(200)
  expect(bytes.toString("latin1")).toContain("manifest.json")
})

test("of two names of a field that differ by case the later one counts", async () => {
  const made = await daemon.request(
    "POST",
    "/containers/create?name=cased",
    '{"Image":"busybox","Cmd":["first"],"cmd":["second"]}',
    { "content-type": "application/json" },
  )
  expect(made.status).toBe(201)
  expect((await inspect("cased")).Config.Cmd).toEqual(["second"])
  await out("rm", "cased")
})

test("every directory above a difference is a difference", async () => {
  const script = "mkdir -p /a/b; echo 1 > /a/b/file"
  await out("run", "--name", "before", "busybox", "sh", "-c", script)
  await out("commit", "before", "differs")
  await out("run", "--name", "after", "differs", "sh", "-c", "echo 2 >> /a/b/file")
  expect(await out("diff", "after")).toBe("C /a\nC /a/b\nC /a/b/file")
  await out("rm", "before", "after")
  await out("rmi", "differs")
})

test("a tmpfs may have a propagation", async () => {
  const lines = await out("run", "--rm", "--tmpfs", "/t:shared", "busybox", "cat", "/proc/self/mountinfo")
  expect(lines).toMatch(/ \/t rw\S* shared:\d+ - tmpfs/)
})

test("a container may get its cgroups to write to", async () => {
  const mode = async (...options: string[]) => {
    const lines = await out("run", "--rm", ...options, "busybox", "cat", "/proc/self/mountinfo")
    return [...lines.matchAll(/ \/sys\/fs\/cgroup\S* (r[ow])\S* .*- cgroup/g)].map(([, access]) => access)
  }
  expect(new Set(await mode())).toEqual(new Set(["ro"]))
  expect(new Set(await mode("--security-opt", "writable-cgroups=true"))).toEqual(new Set(["rw"]))
})

test("a port without bindings is published on an ephemeral one", async () => {
  await create("ports", { ExposedPorts: { "80/tcp": {} }, HostConfig: { PortBindings: { "80/tcp": [] } } })
  expect((await inspect("ports")).HostConfig.PortBindings).toEqual({ "80/tcp": [{ HostIp: "", HostPort: "" }] })
  await out("rm", "ports")
})

test("an endpoint may be without IPv6 where its network has it", async () => {
  await out("network", "create", "--ipv6", "--subnet", "fd12:6::/64", "both")
  const option = "com.docker.network.endpoint.sysctls=net.ipv6.conf.IFNAME.disable_ipv6=1"
  await out("run", "-d", "--name", "four", "--network", `name=both,driver-opt=${option}`, "busybox", "top")
  await out("run", "-d", "--name", "six", "--network", "both", "busybox", "top")
  const addressOf = async (name: string) => (await inspect(name)).NetworkSettings.Networks["both"]!.GlobalIPv6Address
  expect(await addressOf("six")).toStartWith("fd12:6::")
  expect(await addressOf("four")).toBe("")
  await out("rm", "-f", "four", "six")
  await out("network", "rm", "both")
})

test("HTTP/1.1 needs a host to be named, which may be empty", async () => {
  const status = (head: string) =>
    new Promise<string>((done, failed) => {
      const socket = connect(daemon.socket, () => socket.write(`${head}\r\n\r\n`))
      socket.once("data", (bytes) => {
        done(bytes.toString().split("\r\n", 1)[0]!)
        socket.destroy()
      })
      socket.on("error", failed)
    })
  expect(await status("GET /_ping HTTP/1.1")).toContain(" 400 ")
  expect(await status("GET /_ping HTTP/1.1\r\nHost:")).toContain(" 200 ")
  expect(await status("GET /_ping HTTP/1.0")).toContain(" 200 ")
})

test("what prune reclaims is what df said that images and containers take", async () => {
  await out("run", "--name", "large", "busybox", "sh", "-c", "head -c 3000000 /dev/urandom > /file")
  await out("commit", "large", "larger")
  interface Usage {
    readonly LayersSize: number
    readonly Containers: readonly { readonly SizeRw: number }[]
  }
  const usage = async () => (await daemon.json<Usage>("GET", "/system/df")).body
  const reclaimed = async (what: string, filters: object) =>
    (
      await daemon.json<{ SpaceReclaimed: number }>(
        "POST",
        `/${what}/prune?filters=${encodeURIComponent(JSON.stringify(filters))}`,
      )
    ).body.SpaceReclaimed
  const before = await usage()
  expect(before.Containers).toHaveLength(1)
  expect(await reclaimed("containers", {})).toBe(before.Containers[0]!.SizeRw)
  await out("create", "--name", "keeps", "busybox", "true")
  const gone = await reclaimed("images", { dangling: ["false"] })
  expect(gone).toBeGreaterThanOrEqual(3_000_000)
  expect((await usage()).LayersSize).toBe(before.LayersSize - gone)
  await out("rm", "keeps")
})

test("info names the profile of system calls, and the configuration can switch device descriptions off", async () => {
  await using other = await TestDaemon.start()
  interface Info {
    readonly SecurityOptions: readonly string[]
    readonly CDISpecDirs: readonly string[]
    readonly Warnings: readonly string[] | null
  }
  const info = async () => (await other.json<Info>("GET", "/info")).body
  expect((await info()).SecurityOptions).toContain("name=seccomp,profile=builtin")
  expect((await info()).CDISpecDirs).not.toEqual([])
  await other.end("SIGTERM")
  const profile = `${other.root}/profile.json`
  writeFileSync(profile, '{"defaultAction":"SCMP_ACT_ALLOW"}')
  writeFileSync(`${other.root}/daemon.json`, JSON.stringify({ "seccomp-profile": profile, features: { cdi: false } }))
  await other.startAgain()
  const now = await info()
  expect(now.SecurityOptions).toContain(`name=seccomp,profile=${profile}`)
  expect(now.Warnings).toContain("WARNING: daemon is not using the default seccomp profile")
  expect(now.CDISpecDirs).toEqual([])
})

test("a privileged container has the host's cgroup namespace where cgroups are of version 1", async () => {
  const version = (await daemon.json<{ CgroupVersion: string }>("GET", "/info")).body.CgroupVersion
  await using other = await TestDaemon.start(["--default-cgroupns-mode", "private"])
  await other.bootstrap()
  const modeOf = async (host: object) => {
    const { body } = await other.json<{ Id: string }>("POST", "/containers/create", {
      Image: "busybox",
      HostConfig: host,
    })
    return (await other.json<ContainerInspect>("GET", `/containers/${body.Id}/json`)).body.HostConfig.CgroupnsMode
  }
  expect(await modeOf({})).toBe("private")
  expect(await modeOf({ Privileged: true })).toBe(version === "1" ? "host" : "private")
})
