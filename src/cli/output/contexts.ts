import { messageOf } from "../../errors/failure.ts"
import { Subject } from "../../std/template/value.ts"
import { type Contexts, defaultDescription } from "../context/contexts.ts"
import { formatList, type Headings, naturalOrder } from "./list.ts"
import { ellipsis } from "./text-width.ts"

const headings: Headings = {
  // No column of its own: the default table asks for it.
  Current: "",
  Name: "NAME",
  Description: "DESCRIPTION",
  DockerEndpoint: "DOCKER ENDPOINT",
  Error: "ERROR",
}

interface Row {
  readonly name: string
  readonly description: string
  readonly host: string
  readonly error: string
}

/** The lines of `docker context ls`. @throws Failure invalidArgument when the template cannot be parsed or executed */
export function formatContexts(
  contexts: Contexts,
  options: { readonly format: string; readonly quiet: boolean },
): string {
  const rows: Row[] = contexts.list().map(({ Name, Metadata, Endpoints }) => ({
    name: Name,
    description: Name === "default" ? defaultDescription : (Metadata.Description ?? ""),
    host: Endpoints.docker?.Host ?? "",
    error: Endpoints.docker ? "" : "cannot find docker endpoint in context",
  }))
  if (!rows.some(({ name }) => name === contexts.current))
    rows.push({ name: contexts.current, description: "", host: "", error: whyMissing(contexts) })
  const subjects = rows
    .sort((one, other) => naturalOrder(one.name, other.name))
    .map(
      ({ name, description, host, error }) =>
        new Subject("*formatter.clientContextContext", {
          Current: () => name === contexts.current,
          Description: () => description,
          DockerEndpoint: () => host,
          Error: () => ellipsis(error, 45),
          Name: () => name,
        }),
    )
  const isDefault = options.format === "" || options.format === "table"
  const table = "table {{.Name}}{{if .Current}} *{{end}}\t{{.Description}}\t{{.DockerEndpoint}}\t{{.Error}}"
  return formatList(isDefault ? (options.quiet ? "{{.Name}}" : table) : options.format, headings, subjects)
}

function whyMissing(contexts: Contexts): string {
  try {
    contexts.get(contexts.current)
    return ""
  } catch (error) {
    return messageOf(error)
  }
}
