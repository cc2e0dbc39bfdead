import { expect, test } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { mediaTypes } from "../../oci/descriptor.ts"
import { basic, indexManifest, passwordFile, TestRegistry } from "../registry.fixture.ts"
import { escaped } from "./html.ts"

const page = async (registry: TestRegistry, path: string, headers: Record<string, string> = {}) => {
  const answer = await registry.ask("GET", path, { headers })
  return { status: answer.status, text: await answer.text(), headers: answer.headers }
}

test("the page lists repositories, each with its tags", async () => {
  await using registry = await TestRegistry.start()
  expect((await page(registry, "/")).text).toContain("Nothing has been pushed yet")
  const image = await registry.image("team/app", "v1")
  const parts = [{ digest: image.manifest, size: image.bytes.length, platform: { os: "linux", architecture: "arm64" } }]
  await registry.putManifest("team/app", "multi", indexManifest(parts), mediaTypes.ociIndex)
  const list = await page(registry, "/")
  expect(list.text).toContain('<a href="/repositories/team/app">team/app</a>')
  expect(list.headers.get("content-security-policy")).toContain("default-src 'none'")
  const { text } = await page(registry, "/repositories/team/app")
  expect(text).toContain(`title="${image.manifest}"`)
  expect(text).toContain("linux/arm64")
  expect((await page(registry, "/repositories/nope")).status).toBe(404)
  expect((await registry.ask("POST", "/")).status).toBe(405)
})

test("the page asks who looks, and shows what they may pull", async () => {
  const folder = mkdtempSync(join(tmpdir(), "registry-web-"))
  try {
    const htpasswd = await passwordFile(join(folder, "htpasswd"), { alice: "a", bob: "b" })
    const rights = [
      { users: ["alice"], repositories: ["**"], actions: ["pull", "push"] },
      { users: ["bob"], repositories: ["open/*"], actions: ["pull", "catalog"] },
    ]
    await using registry = await TestRegistry.start({ rights }, ["--htpasswd", htpasswd])
    for (const name of ["open/one", "closed"]) await registry.image(name, "v1", { headers: basic("alice", "a") })
    const asked = await page(registry, "/")
    expect([asked.status, asked.headers.get("www-authenticate")]).toEqual([401, 'Basic realm="Barge registry"'])
    const { text } = await page(registry, "/", basic("bob", "b"))
    expect(text).toContain("open/one")
    expect(text).not.toContain("closed")
    expect((await page(registry, "/repositories/closed", basic("bob", "b"))).status).toBe(404)
    // The list is a right of its own.
    expect((await page(registry, "/", basic("alice", "a"))).status).toBe(403)
    expect((await page(registry, "/repositories/closed", basic("alice", "a"))).status).toBe(200)
    expect((await page(registry, "/repositories/open/one")).status).toBe(401)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test("what everybody may pull has a page for everybody, the list is for those with a password", async () => {
  const folder = mkdtempSync(join(tmpdir(), "registry-web-"))
  try {
    const htpasswd = await passwordFile(join(folder, "htpasswd"), { alice: "a" })
    await using registry = await TestRegistry.start({}, ["--htpasswd", htpasswd, "--anonymous-pull"])
    await registry.image("app", "v1", { headers: basic("alice", "a") })
    expect((await page(registry, "/repositories/app")).status).toBe(200)
    expect((await page(registry, "/")).status).toBe(401)
    expect((await page(registry, "/", basic("alice", "a"))).status).toBe(200)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test("the page can be switched off", async () => {
  await using registry = await TestRegistry.start({}, ["--no-web"])
  expect((await page(registry, "/")).status).toBe(404)
})

test("text is made safe for a page", () => {
  expect(escaped(`<a href="x">'&`)).toBe("&#60;a href=&#34;x&#34;&#62;&#39;&#38;")
})
