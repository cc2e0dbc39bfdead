import { Docker } from "../src/client/docker.ts"
import { parseHost } from "../src/client/host.ts"
import { isolated, timed } from "./measure.ts"

/** What programs do without a command line: requests over one kept connection, by the same client for every engine. */
export class ApiBench {
  readonly #docker: Docker
  readonly #rounds: number

  constructor(socketPath: string, rounds: number) {
    this.#docker = new Docker({ host: parseHost(`unix://${socketPath}`, false), daemonName: "Docker" })
    this.#rounds = rounds
  }

  /** Median milliseconds of create, start, wait and remove. */
  async cycle(): Promise<number> {
    const { transport } = this.#docker
    return await isolated(this.#rounds, async () => {
      const { Id } = await transport.json<{ Id: string }>("POST", "/containers/create", {
        body: { Image: "busybox", Cmd: ["true"] },
      })
      await transport.text("POST", `/containers/${Id}/start`)
      await transport.text("POST", `/containers/${Id}/wait`)
      await transport.text("DELETE", `/containers/${Id}`, { query: { force: true } })
    })
  }

  /** Milliseconds of so many creations and starts, one after the other. @param name names the containers, with a number behind */
  async starts(name: string, count: number): Promise<number> {
    const { transport } = this.#docker
    return await timed(async () => {
      for (let number = 0; number < count; number++) {
        const { Id } = await transport.json<{ Id: string }>("POST", "/containers/create", {
          query: { name: `${name}${number}` },
          body: { Image: "busybox", Cmd: ["sleep", "10000"] },
        })
        await transport.text("POST", `/containers/${Id}/start`)
      }
    })
  }

  /** Median milliseconds of an exec's creation, its start with all its output, and the question for its exit code. */
  async exec(container: string): Promise<number> {
    const { transport } = this.#docker
    return await isolated(this.#rounds, async () => {
      const { Id } = await transport.json<{ Id: string }>("POST", `/containers/${container}/exec`, {
        body: { Cmd: ["true"], AttachStdout: true, AttachStderr: true },
      })
      await transport.text("POST", `/exec/${Id}/start`, { body: {} })
      const { ExitCode } = await transport.json<{ ExitCode: number }>("GET", `/exec/${Id}/json`)
      if (ExitCode !== 0) throw new Error(`the exec ended with ${ExitCode}`)
    })
  }

  close(): void {
    this.#docker.close()
  }
}
