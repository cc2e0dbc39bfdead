import { expect, test } from "bun:test"
import { execFileSync } from "node:child_process"
import { statSync } from "node:fs"
import { join } from "node:path"
import { withMounted } from "../../src/core/snapshots/suite.ts"
import { bootstrapImage } from "../../src/engine/images/bootstrap.ts"
import { openStores } from "../core-stores.ts"

test("busybox is made of the host's package, runs, and is the same each time", async () => {
  const ids: string[] = []
  for (let turn = 0; turn < 2; turn++) {
    await using stores = await openStores()
    const said: string[] = []
    const { names, id } = await bootstrapImage(stores.scope, stores, "busybox", ({ status = "" }) => said.push(status))
    expect(names).toEqual(["docker.io/library/busybox:latest"])
    expect(said.at(-1)).toContain("Made docker.io/library/busybox:latest")
    ids.push(id)
    await stores.collector.collect()
    const { target } = await stores.images.get(stores.scope, names[0]!)
    const image = await stores.transfer.resolve(stores.scope, target)
    expect(image.config.config?.Cmd).toEqual(["sh"])
    await stores.snapshots.prepare(stores.scope, "root", image.chainID)
    await withMounted(stores, stores.scope, "root", (root) => {
      expect(
        execFileSync("chroot", [
          root,
          "/bin/sh",
          "-c",
          "whoami; ls -d /tmp; /usr/bin/env true && id -u nobody",
        ]).toString(),
      ).toBe("root\n/tmp\n65534\n")
      expect(statSync(join(root, "tmp")).mode & 0o7777).toBe(0o1777)
    })
  }
  expect(ids[0]).toBe(ids[1]!)
})

test("a name that cannot be made is refused with those that can", async () => {
  await using stores = await openStores()
  for (const name of ["fedora", "busybox:1.2"]) {
    await expect(bootstrapImage(stores.scope, stores, name)).rejects.toThrow("choose busybox, debian or debian:SUITE")
  }
  await expect(bootstrapImage(stores.scope, stores, "debian:../x")).rejects.toThrow("not the name of a Debian suite")
})

test("without the tools the failure says what to install", async () => {
  await using stores = await openStores()
  const path = process.env["PATH"]
  process.env["PATH"] = "/nonexistent"
  try {
    await expect(bootstrapImage(stores.scope, stores, "debian:bookworm")).rejects.toThrow("apt-get install mmdebstrap")
  } finally {
    process.env["PATH"] = path
  }
})
