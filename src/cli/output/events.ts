import type { EventMessage } from "../../api/events.ts"
import { encodeJson } from "../../std/json.ts"
import { TemplateError } from "../../std/template/lex.ts"
import { Template } from "../../std/template/template.ts"
import { GoMap, Struct, type Value } from "../../std/template/value.ts"
import { Exit } from "../command.ts"
import { localRfc3339Nano } from "./local-time.ts"

type Printer = (event: EventMessage) => string

/**
 * How `docker events` prints an event, in a line: as text, as JSON (`json`), or by a template.
 * @throws Exit 64 when the format is no template
 */
export function eventPrinter(format: string): Printer {
  if (format === "") return eventLine
  if (format === "json") return (event) => `${encodeJson(event)}\n`
  let template: Template
  try {
    template = new Template(format)
  } catch (error) {
    if (error instanceof TemplateError) throw new Exit(64, `Error parsing format: ${error.message}`)
    throw error
  }
  return (event) => {
    try {
      return `${template.execute(typedEvent(event))}\n`
    } catch (error) {
      if (error instanceof TemplateError) throw new Exit(64, `Error parsing format: ${error.message}`)
      throw error
    }
  }
}

/** `2024-01-01T00:00:00.000000000Z container start ID (image=busybox, name=web)` */
function eventLine(event: EventMessage): string {
  const time = event.timeNano ? BigInt(event.timeNano) : BigInt(event.time ?? 0) * 1_000_000_000n
  const attributes = Object.entries(event.Actor.Attributes ?? {})
    .map(([name, value]) => `${name}=${value}`)
    .sort()
    .join(", ")
  const actor = attributes ? `${event.Actor.ID} (${attributes})` : event.Actor.ID
  return `${time ? `${localRfc3339Nano(time)} ` : ""}${event.Type} ${event.Action} ${actor}\n`
}

const names = { Status: "status", ID: "id", From: "from", Scope: "scope", Time: "time", TimeNano: "timeNano" }

function typedEvent(event: EventMessage): Struct {
  const { Actor: actor, ...rest } = event
  const fields = new Map<string, Value>(Object.entries(rest).filter(([, value]) => typeof value !== "object"))
  const attributes = new GoMap(new Map(Object.entries(actor.Attributes ?? {})), "")
  const ordered = new Map<string, Value>()
  for (const name of Object.keys(event))
    if (name === "Actor")
      ordered.set(
        name,
        new Struct(
          new Map<string, Value>([
            ["ID", actor.ID],
            ["Attributes", attributes],
          ]),
        ),
      )
    else if (fields.has(name)) ordered.set(name, fields.get(name))
  return new Struct(ordered, {
    names,
    type: "*events.Message",
    absent: (name) => (name in names ? { value: "" } : undefined),
  })
}
