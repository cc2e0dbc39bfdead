import { TestDaemon } from "../../fixtures/daemon.ts"
import { freePort } from "../../fixtures/free-port.ts"
import { MemoryRegistry } from "../../fixtures/memory-registry.ts"
import { tarOf } from "../../tar-archive.ts"

/** What a thing's fields are called in texts: `{running}` is its `id`, `{running.name}` its `name`. */
type Thing = Readonly<Record<string, string>> & { readonly id: string; readonly name: string }

let next = 0

/** A port of the host that nobody else in these tests asks for. */
const port = await freePort()
const publishing = { HostConfig: { PortBindings: { "80/tcp": [{ HostIp: "127.0.0.1", HostPort: String(port) }] } } }

/** A daemon, registries, and what the cases of operations name. */
export class World implements AsyncDisposable {
  readonly daemon: TestDaemon
  readonly #registry: MemoryRegistry
  readonly #guarded: MemoryRegistry
  #things = new Map<string, Promise<Thing>>()
  #removals: string[] = []
  readonly #shared: Thing

  private constructor(daemon: TestDaemon, registry: MemoryRegistry, guarded: MemoryRegistry, shared: Thing) {
    this.daemon = daemon
    this.#registry = registry
    this.#guarded = guarded
    this.#shared = shared
  }

  static async start(): Promise<World> {
    const daemon = await TestDaemon.start()
    await daemon.bootstrap()
    const [registry, guarded] = [await openRegistry(false), await openRegistry(true)]
    const made = await daemon.json<{ Id: string }>("POST", "/containers/create?name=shared", {
      Image: "busybox",
      Cmd: ["top"],
    })
    const { status } = await daemon.request("POST", "/containers/shared/start")
    if (status !== 204) throw new Error(`the shared container did not start: ${daemon.log}`)
    const id = made.body.Id
    return new World(daemon, registry, guarded, { id, name: "shared", short: id.slice(0, 12) })
  }

  /** Replaces the names of things by what they stand for, making those that are not there yet. */
  async fill(text: string): Promise<string> {
    const names = [...text.matchAll(/\{([a-z][a-zA-Z]*)(?:\.([a-zA-Z]+))?\}/g)]
    let filled = text
    for (const [whole, name, field = "id"] of names) {
      const value = (await this.#thing(name!))[field]
      if (value === undefined) throw new Error(`${name} has no ${field}`)
      filled = filled.replaceAll(whole, value)
    }
    return filled
  }

  /** Takes away what was made for a case. */
  async clear(): Promise<void> {
    this.#things.clear()
    for (const path of this.#removals.splice(0).reverse()) await this.daemon.request("DELETE", path)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#registry[Symbol.asyncDispose]()
    await this.#guarded[Symbol.asyncDispose]()
    await this.daemon[Symbol.asyncDispose]()
  }

  #thing(name: string): Promise<Thing> {
    const made = this.#things.get(name) ?? this.#make(name)
    this.#things.set(name, made)
    return made
  }

  async #make(thing: string): Promise<Thing> {
    const name = `op-${next++}`
    switch (thing) {
      case "shared":
        return this.#shared
      case "new":
        return { id: name, name }
      case "newImage":
        this.#removals.push(`/images/${name}?force=1`)
        return { id: name, name }
      case "created":
        return await this.#container(name)
      case "running":
        return await this.#started(name)
      case "removing":
        return await this.#started(name, { HostConfig: { AutoRemove: true } })
      case "paused": {
        const container = await this.#started(name)
        await this.#ask("POST", `/containers/${container.id}/pause`)
        return container
      }
      case "exited": {
        const container = await this.#started(name, {
          Cmd: ["sh", "-c", "echo out; echo err >&2; touch /made; exit 3"],
        })
        await this.#ask("POST", `/containers/${container.id}/wait`)
        return container
      }
      case "terminal": {
        const container = await this.#started(name, { Cmd: ["echo", "out"], Tty: true })
        await this.#ask("POST", `/containers/${container.id}/wait`)
        return container
      }
      case "publishing":
        return await this.#container(name, publishing)
      case "published":
        return await this.#started(name, publishing)
      case "mismatched":
        return await this.#container(name, { HostConfig: { Binds: ["/tmp:/etc/passwd"] } })
      case "wandering":
        return await this.#container(name, { WorkingDir: "/home/../tmp/..//var/" })
      case "unstartable":
        return await this.#container(name, { Cmd: ["/no/such/program"] })
      case "reader":
        return await this.#container(name, { HostConfig: { ReadonlyRootfs: true } })
      case "exec":
        return await this.#exec("shared", { Cmd: ["echo", "out"], AttachStdout: true })
      case "terminalExec":
        return await this.#exec("shared", { Cmd: ["echo", "out"], AttachStdout: true, Tty: true })
      case "ranExec": {
        const exec = await this.#exec("shared", { Cmd: ["true"], AttachStdout: true })
        await this.#ask("POST", `/exec/${exec.id}/start`, {})
        return exec
      }
      case "runningExec": {
        const exec = await this.#exec((await this.#thing("running")).id, { Cmd: ["top"] })
        await this.#ask("POST", `/exec/${exec.id}/start`, { Detach: true })
        return exec
      }
      case "endedExec": {
        const container = await this.#thing("running")
        const exec = await this.#exec(container.id, { Cmd: ["top"] })
        await this.#ask("POST", `/exec/${exec.id}/start`, { Detach: true })
        await this.#ask("POST", `/containers/${container.id}/kill`)
        return { ...exec, container: container.id }
      }
      case "orphanExec": {
        const container = await this.#started(name)
        const exec = await this.#exec(container.id, { Cmd: ["top"] })
        await this.#ask("DELETE", `/containers/${container.id}?force=1`)
        return exec
      }
      case "busybox": {
        const { Id } = JSON.parse(await this.#ask("GET", "/images/busybox/json")) as { Id: string }
        return { id: Id, name: "busybox", short: Id.slice(7, 19) }
      }
      case "image":
        return await this.#image(name)
      case "usedImage": {
        const image = await this.#image(name)
        const user = await this.#container(`${name}-user`, { Image: name, Cmd: ["/x"] })
        return { ...image, userShort: user.id.slice(0, 12) }
      }
      case "volume":
        await this.#ask("POST", "/volumes/create", { Name: name, Labels: { a: "b" } })
        this.#removals.push(`/volumes/${name}`)
        return { id: name, name }
      case "usedVolume": {
        const user = await this.#container(`${name}-user`, { HostConfig: { Binds: [`${name}:/v`] } })
        this.#removals.unshift(`/volumes/${name}`)
        return { id: name, name, user: user.id }
      }
      case "network": {
        const { Id: id } = JSON.parse(await this.#ask("POST", "/networks/create", { Name: name })) as { Id: string }
        this.#removals.push(`/networks/${id}`)
        return { id, name }
      }
      case "usedNetwork": {
        const network = await this.#make("network")
        const user = await this.#started(`${name}-user`, { HostConfig: { NetworkMode: network.name } })
        const { Containers } = JSON.parse(await this.#ask("GET", `/networks/${network.id}`)) as {
          Containers: Record<string, { EndpointID: string }>
        }
        const endpoint = Containers[user.id]!.EndpointID
        return { ...network, user: user.id, userName: user.name, endpoint, endpointShort: endpoint.slice(0, 12) }
      }
      case "registry":
        return { id: this.#registry.host, name: this.#registry.host }
      case "guarded":
        return { id: this.#guarded.host, name: this.#guarded.host }
      default:
        throw new Error(`there is no thing called ${thing}`)
    }
  }

  async #container(name: string, config: object = {}): Promise<Thing> {
    const body = { Image: "busybox", Cmd: ["top"], ...config }
    const { Id: id } = JSON.parse(await this.#ask("POST", `/containers/create?name=${name}`, body)) as { Id: string }
    this.#removals.push(`/containers/${id}?force=1&v=1`)
    return { id, name, short: id.slice(0, 12) }
  }

  async #started(name: string, config: object = {}): Promise<Thing> {
    const container = await this.#container(name, config)
    await this.#ask("POST", `/containers/${container.id}/start`)
    return container
  }

  async #exec(container: string, request: object): Promise<Thing> {
    const { Id: id } = JSON.parse(await this.#ask("POST", `/containers/${container}/exec`, request)) as { Id: string }
    return { id, name: id }
  }

  /** An image of its own, of one file. */
  async #image(name: string): Promise<Thing> {
    const tar = tarOf([name, {}, Buffer.from(name)])
    const { status, text } = await this.daemon.request("POST", `/images/create?fromSrc=-&repo=${name}&tag=1`, tar)
    if (status !== 200 || text.includes("errorDetail")) throw new Error(`an image could not be made: ${text}`)
    this.#removals.push(`/images/${name}:1?force=1`)
    const { Id: id } = JSON.parse(await this.#ask("GET", `/images/${name}:1/json`)) as { Id: string }
    await this.#ask("POST", `/images/${name}:1/tag?repo=${name}`)
    this.#removals.push(`/images/${name}?force=1`)
    return { id, name, short: id.slice(7, 19) }
  }

  async #ask(method: string, path: string, body?: object): Promise<string> {
    const text = body && JSON.stringify(body)
    const answer = await this.daemon.request(method, path, text, body ? { "content-type": "application/json" } : {})
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`)
    return answer.text
  }
}

/** A registry with one image and a search; `guarded`: for one user only. */
async function openRegistry(guarded: boolean): Promise<MemoryRegistry> {
  const registry = await MemoryRegistry.start()
  registry.addImage("found", "1", [tarOf(["file", {}, Buffer.from("x")])])
  registry.fault = ({ path, headers }, response) => {
    if (guarded && headers.authorization !== `Basic ${Buffer.from("user:right").toString("base64")}`) {
      response.writeHead(401, { "www-authenticate": 'Basic realm="test"' }).end()
      return true
    }
    if (!path.startsWith("/v1/search")) return false
    const results = [{ name: "found", description: "an image", star_count: 7, is_official: false, is_automated: false }]
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ results }))
    return true
  }
  return registry
}
