import { type Flag, text } from "./flag.ts"

const manual = `Refer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates`

const ofObjects = `Format output using a custom template:
'json':             Print in JSON format
'TEMPLATE':         Print output using the given Go template.
${manual}`

const ofLists = `Format output using a custom template:
'table':            Print output in table format with column headers (default)
'table TEMPLATE':   Print output in table format using the given Go template
'json':             Print in JSON format
'TEMPLATE':         Print output using the given Go template.
${manual}`

/** `--format` of commands that print lists. */
export const listFormat = (): Flag<string> => text("", ofLists)

/** `--format` of commands that print objects. */
export const objectFormat = (short = "f"): Flag<string> => text(short, ofObjects)
