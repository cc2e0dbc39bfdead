import type { Group } from "./entry.ts"

const endpointHelp = `Docker endpoint config:

NAME                DESCRIPTION
from                Copy named context's Docker endpoint configuration
host                Docker endpoint on which to connect
ca                  Trust certs signed only by this CA
cert                Path to TLS certificate file
key                 Path to TLS key file
skip-tls-verify     Skip TLS certificate validation

Example:
`
const example = (verb: string, program: string) =>
  `$ ${program} context ${verb} my-context --description "some description" --docker "host=tcp://myserver:2376,ca=~/ca-file,cert=~/cert-file,key=~/key-file"`

export const context: Group = {
  name: "context",
  short: "Manage contexts",
  entries: [
    {
      name: "create",
      short: "Create a context",
      long: (program) => `Create a context\n\n${endpointHelp}\n${example("create", program)}`,
      load: async () => (await import("../commands/context/create.ts")).create,
    },
    {
      name: "export",
      short: "Export a context to a tar archive FILE or a tar stream on STDOUT.",
      load: async () => (await import("../commands/context/export.ts")).exportContext,
    },
    {
      name: "import",
      short: "Import a context from a tar or zip file",
      load: async () => (await import("../commands/context/import.ts")).importContext,
    },
    {
      name: "inspect",
      short: "Display detailed information on one or more contexts",
      load: async () => (await import("../commands/context/inspect.ts")).inspect,
    },
    {
      name: "ls",
      short: "List contexts",
      aliases: ["list"],
      load: async () => (await import("../commands/context/ls.ts")).ls,
    },
    {
      name: "rm",
      short: "Remove one or more contexts",
      aliases: ["remove"],
      load: async () => (await import("../commands/context/rm.ts")).rm,
    },
    {
      name: "show",
      short: "Print the name of the current context",
      load: async () => (await import("../commands/context/show.ts")).show,
    },
    {
      name: "update",
      short: "Update a context",
      long: (program) => `Update a context\n\n${endpointHelp}\n${example("update", program)}`,
      load: async () => (await import("../commands/context/update.ts")).update,
    },
    {
      name: "use",
      short: "Set the default docker context",
      load: async () => (await import("../commands/context/use.ts")).use,
    },
  ],
}
