/** Shells that there is a script for. */
export const shells = ["bash", "fish", "zsh"] as const
export type Shell = (typeof shells)[number]

/*
 * Every script asks the program itself: `PROGRAM __complete -- WORD…` with the words up to the cursor prints candidates,
 * one a line, with a tab before what they mean; a last line `:files` says that names of files fit as well.
 */
const scripts: Readonly<Record<Shell, (program: string) => string>> = {
  bash: (program) => `# ${program}: completion for bash. Use it now: source <(${program} completion bash)
_${program}_complete() {
  local line files= word=\${COMP_WORDS[COMP_CWORD]}
  local -a words=("\${COMP_WORDS[@]:1:COMP_CWORD}")
  if declare -F _get_comp_words_by_ref >/dev/null; then
    local cur cword
    _get_comp_words_by_ref -n =: cur cword words
    word=$cur
    words=("\${words[@]:1:cword}")
  fi
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ $line == :files ]]; then files=1; else COMPREPLY+=("\${line%%$'\\t'*}"); fi
  done < <("\${COMP_WORDS[0]}" __complete -- "\${words[@]}" 2>/dev/null)
  if [[ \${COMPREPLY[0]-} == *[=,:-] ]]; then compopt -o nospace 2>/dev/null; fi
  if [[ -n $files ]]; then
    compopt -o filenames 2>/dev/null
    while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$word")
  fi
  if declare -F __ltrim_colon_completions >/dev/null; then __ltrim_colon_completions "$word"; fi
}
complete -F _${program}_complete ${program}
`,
  zsh: (program) => `#compdef ${program}
# ${program}: completion for zsh. Use it now: source <(${program} completion zsh)
_${program}() {
  local line files=
  local -a candidates open
  for line in "\${(@f)$("\${words[1]}" __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    if [[ $line == :files ]]; then
      files=1
    elif [[ $line == *[=,] ]]; then
      open+=("$line")
    elif [[ -n $line ]]; then
      candidates+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
    fi
  done
  (( \${#candidates} )) && _describe '${program}' candidates
  (( \${#open} )) && compadd -S '' -- "\${open[@]}"
  [[ -n $files ]] && _files
}
if [[ $funcstack[1] == _${program} ]]; then _${program} "$@"; else compdef _${program} ${program}; fi
`,
  fish: (program) => `# ${program}: completion for fish. Use it now: ${program} completion fish | source
function __${program}_complete
  set -l words (commandline -opc)[2..] (commandline -ct)
  for line in (${program} __complete -- $words 2>/dev/null)
    if test "$line" = ":files"
      __fish_complete_path (commandline -ct)
    else
      echo $line
    end
  end
end
complete -c ${program} -f -a '(__${program}_complete)'
`,
}

/** The script that a shell reads to complete command lines of `program`. */
export const completionScript = (shell: Shell, program: string): string => scripts[shell](program)
