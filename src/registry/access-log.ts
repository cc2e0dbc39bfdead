import type { Call } from "./routes/call.ts"

/** One line for each request, for people (`text`) or for machines (`json`). */
export function accessLine(call: Call, millis: number, form: "text" | "json", error?: unknown): string {
  const { request, response } = call
  const entry = {
    time: new Date().toISOString(),
    remote: request.peer.address ?? "-",
    user: call.access?.user ?? "-",
    method: request.method,
    target: request.target,
    status: response.status,
    bytes: call.sent,
    ms: Math.round(millis * 10) / 10,
    operation: call.operation,
    agent: request.headers.get("user-agent") ?? "-",
    ...(error === undefined ? {} : { error: error instanceof Error ? error.message : String(error) }),
  }
  if (form === "json") return `${JSON.stringify(entry)}\n`
  const { time, remote, user, method, target, status, bytes, ms, agent } = entry
  const failure = error === undefined ? "" : ` error=${JSON.stringify(entry.error)}`
  return `${time} ${remote} ${user} "${method} ${printable(target)}" ${status} ${bytes} ${ms}ms ${JSON.stringify(agent)}${failure}\n`
}

const printable = (text: string): string => text.replace(/[^\x21-\x7e]/g, "?").replaceAll('"', "%22")
