import { expect, test } from "bun:test"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { MemoryRegistry } from "../../test/fixtures/memory-registry.ts"
import { Registries } from "./registries.ts"

/** Resolves `hub.test/app:1`, which a mirror has below `path` and gives to those with a token. @returns the scopes asked for */
async function scopesAsked(path: string, repository: string): Promise<{ scopes: string[]; bare: boolean }> {
  await using mirror = await MemoryRegistry.start()
  mirror.addImage(repository, "1", [Buffer.alloc(1024)])
  const scopes: string[] = []
  let bare = true
  mirror.fault = ({ path: asked, headers }, response) => {
    const url = new URL(asked, "http://mirror")
    if (url.pathname === "/token") {
      bare &&= headers.authorization === undefined && !url.searchParams.has("account")
      scopes.push(...url.searchParams.getAll("scope"))
      response.end(JSON.stringify({ token: "t" }))
      return true
    }
    if (headers.authorization === "Bearer t") return false
    const challenge = `Bearer realm="http://${mirror.host}/token",service="s",scope="repository:${repository}:pull"`
    response.writeHead(401, { "www-authenticate": challenge }).end()
    return true
  }
  const folder = mkdtempSync(join(tmpdir(), "mirror-"))
  try {
    mkdirSync(join(folder, "hub.test"))
    const host = `[host."http://${mirror.host}${path}"]\ncapabilities = ["pull", "resolve"]\noverride_path = true\n`
    writeFileSync(join(folder, "hub.test/hosts.toml"), host)
    using registries = new Registries({
      settings: { insecure: [], mirrors: [], directories: [folder] },
      proxies: {},
    })
    const credentials = { username: "alice", password: "secret" }
    await (await registries.repository({ domain: "hub.test", path: "app" }, credentials)).resolve("1")
    return { scopes, bare }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test("a mirror that keeps a repository under another name is asked for the right that it names, without credentials", async () => {
  expect(await scopesAsked("/v2/user/hub", "user/hub/app")).toEqual({
    scopes: ["repository:user/hub/app:pull"],
    bare: true,
  })
})

test("a mirror that keeps a repository under its own name is asked for the right to that", async () => {
  expect(await scopesAsked("/v2", "app")).toEqual({ scopes: ["repository:app:pull"], bare: true })
})
