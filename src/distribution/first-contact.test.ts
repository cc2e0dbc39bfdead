import { expect, test } from "bun:test"
import { failure } from "../../test/fixtures/failure.ts"
import { type Fault, MemoryRegistry } from "../../test/fixtures/memory-registry.ts"
import { SilentHost } from "./connection-failure.ts"
import { Registries } from "./registries.ts"
import type { Repository } from "./repository.ts"

const times = { quiet: 20, root: 30, token: 40 }

/** Works with a repository of a registry that does as `fault` says, with an image `app:1`. */
async function withRegistry(
  faultOf: (registry: MemoryRegistry) => Fault,
  work: (repository: Repository, registry: MemoryRegistry) => Promise<void>,
  contactTimes = times,
): Promise<void> {
  await using registry = await MemoryRegistry.start()
  registry.addImage("app", "1", [Buffer.alloc(1024)])
  registry.fault = faultOf(registry)
  using registries = new Registries({
    settings: { insecure: [], mirrors: [], directories: [] },
    proxies: {},
    retries: { attempts: 3, firstDelay: 1, longestDelay: 1 },
    contactTimes,
  })
  await work(await registries.repository({ domain: registry.host, path: "app" }), registry)
}

test("a registry that never answers is given up, and not asked again", () =>
  withRegistry(
    () => () => true,
    async (repository, registry) => {
      const error = repository.resolve("1")
      const { message } = await failure(error)
      expect(message).toContain(`${registry.host} has not answered for 0.05 seconds`)
      expect(await error.catch((reason: unknown) => reason)).toBeInstanceOf(SilentHost)
      expect(registry.count(/manifests/)).toBe(1)
      expect(registry.count(/^GET \/v2\/$/)).toBe(1)
    },
  ))

test("a registry that works on a long answer is waited for", () => {
  const asked = Promise.withResolvers<void>()
  return withRegistry(
    () =>
      async ({ path }, response) => {
        if (path === "/v2/") {
          response.end("{}", () => asked.resolve())
          return true
        }
        await asked.promise
        return false
      },
    async (repository) => {
      expect((await repository.manifest("1")).descriptor.size).toBeGreaterThan(0)
    },
    // A busy machine answers late: only the silence before the root is asked is short.
    { ...times, root: 60_000 },
  )
})

const tokens = (answer: (response: Parameters<Fault>[1]) => void) => (registry: MemoryRegistry) => {
  const fault: Fault = ({ path }, response) => {
    if (path.startsWith("/token")) answer(response)
    else if (path !== "/v2/") {
      response.writeHead(401, { "www-authenticate": `Bearer realm="http://${registry.host}/token"` }).end()
    } else return false
    return true
  }
  return fault
}

test.each([
  ["never answers", () => {}],
  ["falls silent within its answer", (response) => void response.writeHead(200).write("{")],
  [
    "sends a byte from time to time",
    (response) => {
      response.writeHead(200)
      const timer = setInterval(() => response.write(" "), 5)
      response.on("close", () => clearInterval(timer))
    },
  ],
] as [string, (response: Parameters<Fault>[1]) => void][])(
  "a token service that %s is given up, and asked once by each request",
  (_what, answer) =>
    withRegistry(tokens(answer), async (repository, registry) => {
      for (let request = 1; request <= 2; request++) {
        expect((await failure(repository.resolve("1"))).message).toContain("has not answered for 0.04 seconds")
        expect(registry.count(/token/)).toBe(request)
      }
    }),
)
