import { expect, test } from "bun:test"
import { eventRecorder, someContainer, someRegistry, someScope } from "../../../../test/fixtures/container-records.ts"
import type { PathStatus } from "../../../core/files/contract.ts"
import { Failure } from "../../../errors/failure.ts"
import type { ContainerImages } from "../../images/for-containers.ts"
import type { Container } from "../record/container.ts"
import { ContainerFileService } from "./service.ts"

const status: PathStatus = { name: "x", size: 1, mode: 0o100644, mtime: 0n, linkTarget: "" }

/** A service whose containers have these paths in their mounted roots (`mounted`) and in their own files below (`own`). */
async function open(container: Container, paths: { mounted?: readonly string[]; own?: readonly string[] } = {}) {
  const events = eventRecorder()
  const calls: string[] = []
  const commits: Parameters<ContainerImages["commit"]>[1][] = []
  const has = (root: string, path: string) =>
    (root === "/mounted" ? paths.mounted : paths.own)?.some((each) => each === path || each.startsWith(`${path}/`))
  const need = (root: string, path: string) => {
    if (!has(root, path)) throw new Failure("notFound", `no ${path}`)
  }
  const within = async <T>(root: string, work: (root: string) => Promise<T>): Promise<T> => {
    calls.push(`mount ${root}`)
    try {
      return await work(root)
    } finally {
      calls.push(`unmount ${root}`)
    }
  }
  const files = new ContainerFileService({
    registry: await someRegistry(container),
    tasks: {
      pause: async () => void calls.push("pause"),
      resume: async () => void calls.push("resume"),
      withRoot: (_scope, _id, _key, work) => within("/own", work),
      withMountedRoot: (_scope, _id, _key, _mounts, work) => within("/mounted", work),
    },
    files: {
      status: async (root, path) => {
        need(root, path)
        return status
      },
      directory: async (root, path) => {
        need(root, path)
        return path
      },
      pack: async (_scope, root, path) => {
        need(root, path)
        return {
          status,
          chunks: (async function* () {
            yield Buffer.from("tar")
          })(),
        }
      },
      unpack: async (_scope, root, directory) => void calls.push(`unpack ${root}${directory}`),
    },
    differ: {
      changes: async () => [{ path: "/etc/passwd", kind: "deleted" }],
      tree: async function* () {},
    },
    images: {
      commit: async (_scope, options) => {
        calls.push("commit")
        commits.push(options)
        return { id: "sha256:new" }
      },
    },
    mounts: { showIn: async () => {} },
    events,
    background: () => someScope,
  })
  return { files, events, calls, commits }
}

test("a missing path is named as the client named it", async () => {
  const web = someContainer("web")
  const { files } = await open(web)
  await expect(files.status(someScope, web, "web", "/missing")).rejects.toMatchObject({
    kind: "notFound",
    message: "Could not find the file /missing in container web",
  })
})

test("a path that was copied below a tmpfs before the start is found there", async () => {
  const web = someContainer("web", {
    hostConfig: { Tmpfs: { "/tmp": "" } },
    state: { status: "running", startedAt: "1" },
  })
  const { files, calls } = await open(web, { mounted: ["/tmp"], own: ["/tmp/early"] })
  expect(await files.status(someScope, web, "web", "/tmp/early")).toBe(status)
  expect(calls.filter((call) => call.startsWith("mount"))).toEqual(["mount /mounted", "mount /mounted", "mount /own"])
})

test("the root stays mounted until an archive is read", async () => {
  const web = someContainer("web")
  const { files, calls, events } = await open(web, { mounted: ["/etc/hosts"] })
  const { chunks } = await files.read(someScope, web, "web", "/etc/hosts")
  expect(calls).toEqual(["mount /mounted"])
  for await (const _ of chunks);
  expect(calls).toEqual(["mount /mounted", "unmount /mounted"])
  expect(events.actions).toEqual(["container archive-path"])
})

test("nothing is unpacked into a read-only mount or root", async () => {
  const archive = (async function* () {})()
  const options = { path: "/data", keepKinds: false, copyOwner: false }
  const volume = { type: "volume", source: "v", destination: "/data", mode: "", propagation: "" } as const
  const readOnly = someContainer("web", {
    hostConfig: { ReadonlyRootfs: true },
    mounts: [{ ...volume, readOnly: true }],
  })
  const { files, calls } = await open(readOnly, { mounted: ["/data", "/etc"] })
  await expect(files.extract(someScope, readOnly, "web", options, archive)).rejects.toMatchObject({
    message: "mounted volume is marked read-only",
  })
  await expect(files.extract(someScope, readOnly, "web", { ...options, path: "/etc" }, archive)).rejects.toMatchObject({
    message: "container rootfs is marked read-only",
  })
  const writable = someContainer("db", {
    hostConfig: { ReadonlyRootfs: true },
    mounts: [{ ...volume, readOnly: false }],
  })
  const second = await open(writable, { mounted: ["/data"] })
  await second.files.extract(someScope, writable, "db", options, archive)
  expect(second.calls).toContain("unpack /mounted/data")
  expect(calls.join()).not.toContain("unpack")
})

test("a running container is paused for a commit, and goes on after it", async () => {
  const web = someContainer("web", { state: { status: "running", startedAt: "1" } })
  const { files, calls, events } = await open(web)
  const commit = { container: "web", pause: true, changes: [] }
  expect(await files.commit(someScope, web, commit)).toEqual({ Id: "sha256:new" })
  expect(calls).toEqual(["pause", "commit", "resume"])
  calls.length = 0
  await files.commit(someScope, web, { ...commit, pause: false })
  expect(calls).toEqual(["commit"])
  expect(events.actions).toEqual(["container commit", "container commit"])
})

test("changes have Docker's numbers", async () => {
  const web = someContainer("web")
  const { files } = await open(web)
  expect(await files.changes(someScope, web)).toEqual([{ Path: "/etc/passwd", Kind: 2 }])
})
