/** The FORWARD chain of a filter table in the words of iptables-save(8), as far as an exception in it needs to know. */
export interface ForwardChain {
  /** What no rule accepts is dropped: by the policy, or by a rule without conditions. */
  readonly drops: boolean
  /** The number of the first rule that drops or rejects everything, from 1; undefined without one. */
  readonly blanket: number | undefined
  /** The number of the rule that jumps to the exception's chain, from 1; undefined without one. */
  readonly jump: number | undefined
  /** The rules of the exception's chain; undefined without the chain. */
  readonly exception: readonly string[] | undefined
}

/** Reads what `iptables-save -t filter` printed. @param name of the exception's chain */
export function forwardChainOf(saved: string, name: string): ForwardChain {
  const lines = saved.split("\n")
  const rulesOf = (chain: string) => lines.filter((line) => line.startsWith(`-A ${chain} `))
  const rules = rulesOf("FORWARD")
  const numberOf = (wanted: (rule: string) => boolean): number | undefined => {
    const at = rules.findIndex(wanted)
    return at < 0 ? undefined : at + 1
  }
  const blanket = numberOf((rule) => /^-A FORWARD -j (?:DROP|REJECT)\b/.test(rule))
  return {
    drops: blanket !== undefined || lines.some((line) => line.startsWith(":FORWARD DROP ")),
    blanket,
    jump: numberOf((rule) => rule.endsWith(` -j ${name}`)),
    exception: lines.some((line) => line.startsWith(`:${name} `)) ? rulesOf(name) : undefined,
  }
}

const comment = (owner: string): string =>
  `-m comment --comment "barge ${owner}: the table barge_${owner} of nftables decides about these"`

/** The commands that put an exception for bridges into the chain, or undefined when it is there as it shall be. */
export function commandsToExcept(
  chain: ForwardChain,
  name: string,
  owner: string,
  bridges: readonly string[],
): readonly string[] | undefined {
  const accepting = bridges.flatMap((bridge) => [
    `-A ${name} -i ${bridge} -j ACCEPT`,
    `-A ${name} -o ${bridge} -j ACCEPT`,
  ])
  const { jump, blanket, exception } = chain
  // Rules of others come first: what they drop on purpose stays dropped.
  const placed = jump !== undefined && (blanket === undefined || jump < blanket)
  if (placed && exception?.join("\n") === accepting.join("\n")) return undefined
  const rule = `${comment(owner)} -j ${name}`
  return [
    `:${name} - [0:0]`,
    ...accepting,
    ...(jump !== undefined && !placed ? [`-D FORWARD ${jump}`] : []),
    ...(placed ? [] : [blanket === undefined ? `-A FORWARD ${rule}` : `-I FORWARD ${blanket} ${rule}`]),
  ]
}

/** The commands that take the exception out again, or undefined when nothing of it is there. */
export function commandsToForget({ jump, exception }: ForwardChain, name: string): readonly string[] | undefined {
  if (jump === undefined && exception === undefined) return undefined
  return [`:${name} - [0:0]`, ...(jump === undefined ? [] : [`-D FORWARD ${jump}`]), `-X ${name}`]
}
