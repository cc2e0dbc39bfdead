import { expect, test } from "bun:test"
import { type Listener, openListeners } from "../std/http/listener.ts"
import { HttpServer } from "../std/http/server.ts"
import { TestRegistry } from "./registry.fixture.ts"

interface Notification {
  readonly action: string
  readonly target: { readonly repository: string; readonly tag?: string; readonly digest?: string }
  readonly actor: { readonly name?: string }
}

/** Takes notifications, and can fail first. */
class Receiver implements AsyncDisposable {
  readonly events: Notification[] = []
  failures = 0
  #changed = Promise.withResolvers<void>()
  #listener!: Listener
  readonly #server = new HttpServer(async (request, response) => {
    let text = ""
    for await (const part of request.body) text += Buffer.from(part).toString()
    if (this.failures > 0) {
      this.failures--
      response.send(503, {})
      return
    }
    this.events.push(...(JSON.parse(text) as { events: Notification[] }).events)
    response.send(200, {})
    this.#changed.resolve()
    this.#changed = Promise.withResolvers()
  })

  static async start(): Promise<Receiver> {
    const receiver = new Receiver()
    const where = { kind: "tcp", host: "127.0.0.1", port: 0 } as const
    receiver.#listener = (await openListeners(where, { accept: receiver.#server.accept }))[0]!
    return receiver
  }

  get url(): string {
    return this.#listener.address.replace("tcp:", "http:")
  }

  /** Resolves when an event that `test` chooses has come. */
  async until(test: (event: Notification) => boolean): Promise<Notification> {
    for (;;) {
      const found = this.events.find(test)
      if (found) return found
      await this.#changed.promise
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#listener[Symbol.asyncDispose]()
    await this.#server.close()
  }
}

test("pushes, pulls, mounts and deletes are told, in their order", async () => {
  await using receiver = await Receiver.start()
  await using registry = await TestRegistry.start({}, ["--webhook", receiver.url])
  const { manifest, layer } = await registry.image("a/b", "v1")
  await registry.ask("GET", "/v2/a/b/manifests/v1")
  await registry.ask("POST", `/v2/c/blobs/uploads/?mount=${layer}&from=a/b`)
  await registry.ask("DELETE", `/v2/a/b/manifests/${manifest}`)
  await receiver.until((event) => event.action === "delete")
  expect(receiver.events.map(({ action, target }) => [action, target.repository, target.tag])).toEqual([
    ["push", "a/b", undefined],
    ["push", "a/b", undefined],
    ["push", "a/b", "v1"],
    ["pull", "a/b", "v1"],
    ["mount", "c", undefined],
    ["delete", "a/b", undefined],
  ])
})

test("an address that fails is told again, and another one does not wait for it", async () => {
  await using failing = await Receiver.start()
  await using working = await Receiver.start()
  failing.failures = 2
  const webhooks = [failing, working].map(({ url }) => ({ url, actions: ["push"], repositories: ["a"] }))
  await using registry = await TestRegistry.start({ webhooks })
  await registry.image("other", "v1")
  await registry.image("a", "v1")
  await working.until(({ target }) => target.tag === "v1")
  await failing.until(({ target }) => target.tag === "v1")
  expect(failing.events.every(({ target }) => target.repository === "a")).toBe(true)
})

test("what waits is told before the server ends", async () => {
  await using receiver = await Receiver.start()
  {
    await using registry = await TestRegistry.start({}, ["--webhook", receiver.url])
    receiver.failures = 1
    await registry.image("last", "v1")
  }
  expect(receiver.events.at(-1)).toMatchObject({ action: "push", target: { repository: "last", tag: "v1" } })
})
