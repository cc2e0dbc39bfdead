import { spawn } from "node:child_process"
import { Failure } from "../../errors/failure.ts"

/** What a credential helper keeps for a registry. */
export interface HeldCredentials {
  readonly Username: string
  readonly Secret: string
}

/**
 * A program `docker-credential-NAME`, which keeps credentials in the system's own store: a verb as its argument, input and
 * output as JSON or plain text (docker/docker-credential-helpers, "protocol").
 */
export class CredentialHelper {
  readonly #program: string

  constructor(name: string) {
    this.#program = `docker-credential-${name}`
  }

  /** @returns undefined when it has none */
  async get(server: string): Promise<HeldCredentials | undefined> {
    try {
      return JSON.parse(await this.#call("get", server)) as HeldCredentials
    } catch (error) {
      if (/credentials not found in native keychain/.test(String((error as Error).message))) return undefined
      throw error
    }
  }

  async store(server: string, { Username, Secret }: HeldCredentials): Promise<void> {
    await this.#call("store", JSON.stringify({ ServerURL: server, Username, Secret }))
  }

  async erase(server: string): Promise<void> {
    await this.#call("erase", server)
  }

  #call(verb: string, input: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const child = spawn(this.#program, [verb], { stdio: ["pipe", "pipe", "inherit"] })
      const output: Buffer[] = []
      child.stdout.on("data", (chunk: Buffer) => output.push(chunk))
      child.stdin.on("error", () => {})
      child.on("error", (error) => {
        const missing = (error as NodeJS.ErrnoException).code === "ENOENT"
        const why = missing ? `exec: "${this.#program}": executable file not found in $PATH` : error.message
        reject(new Failure("internal", `error getting credentials - err: ${why}, out: \`\``))
      })
      child.on("close", (code) => {
        const text = Buffer.concat(output).toString().trim()
        if (code === 0) resolve(text)
        else reject(new Failure("internal", `error getting credentials - err: exit status ${code}, out: \`${text}\``))
      })
      child.stdin.end(input)
    })
  }
}
