import { describe, expect, test } from "bun:test"
import { randomBytes } from "node:crypto"
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { kindOf } from "../../errors/failure.ts"
import { digestOf } from "../../oci/digest.ts"
import { FileStorage } from "./files/storage.ts"
import { FakeS3, fakeKeys } from "./s3/fake.fixture.ts"
import { presigned, signed } from "./s3/sign.ts"
import { S3Storage } from "./s3/storage.ts"
import { storageSuite } from "./suite.ts"

async function withRoot(use: (root: string) => Promise<void>): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), "registry-storage-"))
  try {
    await use(root)
  } finally {
    rmSync(root, { recursive: true })
  }
}

const settings = (fake: FakeS3) => ({
  endpoint: fake.endpoint,
  region: "eu-test-1",
  bucket: "bucket",
  prefix: "some/where",
  ...fakeKeys,
  pathStyle: true,
  redirect: true,
})

const withS3 = (use: (storage: S3Storage, fake: FakeS3) => Promise<void>) =>
  withRoot(async (root) => {
    await using fake = await FakeS3.start()
    await using storage = await S3Storage.open(settings(fake), root)
    await use(storage, fake)
    expect(fake.offences).toEqual([])
    expect(fake.unfinished).toBe(0)
  })

describe("files", () => {
  storageSuite((use) =>
    withRoot(async (root) => {
      await using storage = await FileStorage.open(root)
      await use(storage)
      expect(readdirSync(join(root, "tmp"))).toEqual([])
    }),
  )

  test("a blob of several repositories is stored once", () =>
    withRoot(async (root) => {
      await using storage = await FileStorage.open(root)
      const bytes = randomBytes(10)
      const digest = digestOf(bytes)
      await storage.blobs.put("a", digest, bytes)
      await storage.blobs.put("b", digest, bytes)
      const inode = (path: string) => statSync(join(root, path, digest.replace(":", "/"))).ino
      expect(inode("blobs")).toBe(inode("repositories/a/_oci/blobs"))
      expect(inode("blobs")).toBe(inode("repositories/b/_oci/blobs"))
    }))

  test("what a crash left half written is removed at the start", () =>
    withRoot(async (root) => {
      {
        await using _storage = await FileStorage.open(root)
      }
      writeFileSync(join(root, "tmp/half"), "written")
      await using _storage = await FileStorage.open(root)
      expect(readdirSync(join(root, "tmp"))).toEqual([])
    }))
})

describe("an object store", () => {
  storageSuite((use) => withS3(use))

  test("a store that fails for a moment is asked again", () =>
    withS3(async ({ records }, fake) => {
      fake.failures.push(500, 503)
      await records.put("a", "b")
      fake.failures.push(503)
      expect(Buffer.from((await records.get("a"))!).toString()).toBe("b")
    }))

  test("a store that wants fewer requests is asked again", () =>
    withS3(async ({ records }, fake) => {
      fake.failures.push(429)
      await records.put("a", "b")
      expect(fake.failures).toEqual([])
      expect(Buffer.from((await records.get("a"))!).toString()).toBe("b")
    }))

  test("a store that goes on failing is told as unavailable, and a refusal at once", () =>
    withS3(async ({ records }, fake) => {
      fake.failures.push(500, 500, 500, 500)
      expect(await records.get("a").catch(kindOf)).toBe("unavailable")
      fake.failures.push(403)
      expect(await records.get("a").catch((error: Error) => error.message)).toContain(
        "refused GET /bucket/some/where/a: 403",
      )
    }))

  test("parts of a large blob that cannot be joined are given up", () =>
    withS3(async (storage, fake) => {
      const file = join(storage.spool, "file")
      const bytes = Buffer.alloc(17 << 20)
      writeFileSync(file, bytes)
      const digest = digestOf(bytes)
      const adopting = storage.blobs.adopt("a", digest, file).catch(kindOf)
      while (fake.unfinished === 0) await new Promise<void>((done) => setImmediate(done))
      fake.failures.push(403)
      expect(await adopting).toBe("internal")
      expect(await storage.blobs.stat("a", digest)).toBeUndefined()
    }))

  test("clients are sent to the store with an address that is signed", () =>
    withS3(async (storage) => {
      const bytes = randomBytes(10)
      await storage.blobs.put("a", digestOf(bytes), bytes)
      const answer = await fetch((await storage.blobs.address(digestOf(bytes)))!)
      expect(Buffer.from(await answer.arrayBuffer())).toEqual(bytes)
    }))
})

test("signatures are those of the published examples", () => {
  const keys = {
    accessKey: "AKIDEXAMPLE",
    secretKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    region: "us-east-1",
    service: "s3",
  }
  const example = { ...keys, accessKey: "AKIAIOSFODNN7EXAMPLE", secretKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" }
  const now = new Date("2013-05-24T00:00:00Z")
  const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
  const get = signed(
    {
      method: "GET",
      url: new URL("https://examplebucket.s3.amazonaws.com/test.txt"),
      headers: { range: "bytes=0-9" },
      payload: empty,
    },
    example,
    now,
  )
  expect(get["authorization"]).toEndWith("Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")
  const list = signed(
    {
      method: "GET",
      url: new URL("https://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J"),
      headers: {},
      payload: empty,
    },
    example,
    now,
  )
  expect(list["authorization"]).toEndWith("Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7")
  const address = presigned(new URL("https://examplebucket.s3.amazonaws.com/test.txt"), example, now, 86400)
  expect(address).toEndWith("X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404")
})
