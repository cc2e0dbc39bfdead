import { Agent, request } from "node:http"
import { isolated } from "./measure.ts"

/** Median milliseconds of create, start, wait and remove over one kept connection, without any CLI. */
export async function apiCycle(socketPath: string, rounds: number): Promise<number> {
  const agent = new Agent({ keepAlive: true })
  const ask = (method: string, path: string, body?: unknown): Promise<{ Id?: string }> =>
    new Promise((resolve, reject) => {
      const text = body === undefined ? undefined : JSON.stringify(body)
      const asked = request(
        {
          socketPath,
          agent,
          method,
          path,
          headers: text ? { "content-type": "application/json", "content-length": Buffer.byteLength(text) } : {},
        },
        (answer) => {
          const chunks: Buffer[] = []
          answer.on("data", (chunk: Buffer) => chunks.push(chunk))
          answer.on("end", () => {
            const said = Buffer.concat(chunks).toString("utf8")
            if ((answer.statusCode ?? 500) >= 400) reject(new Error(`${method} ${path}: ${answer.statusCode} ${said}`))
            else resolve(said ? JSON.parse(said) : {})
          })
        },
      )
      asked.on("error", reject)
      asked.end(text)
    })
  try {
    return await isolated(rounds, async () => {
      const { Id } = await ask("POST", "/containers/create", { Image: "busybox", Cmd: ["true"] })
      await ask("POST", `/containers/${Id}/start`)
      await ask("POST", `/containers/${Id}/wait`)
      await ask("DELETE", `/containers/${Id}?force=1`)
    })
  } finally {
    agent.destroy()
  }
}
