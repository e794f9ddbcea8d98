/**
 * The completion scripts. Each asks `virtmesh __complete -- WORD...` (the words up to the cursor) and gets one
 * candidate a line; the line `:files` asks for file names.
 */
const BASH = `# bash completion of virtmesh
_virtmesh() {
  local line="\${COMP_LINE:0:COMP_POINT}" answer
  local -a words
  read -ra words <<< "$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  # bash splits words at ":" and "="; what stands before the last part must not be repeated.
  local full="\${words[-1]}" part="\${COMP_WORDS[COMP_CWORD]}"
  local before="\${full%"$part"}"
  COMPREPLY=()
  while IFS= read -r answer; do
    if [[ $answer == :files ]]; then
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -f -- "$part")
    else
      COMPREPLY+=("\${answer#"$before"}")
    fi
  done < <("\${words[0]}" __complete -- "\${words[@]:1}" 2>/dev/null)
}
complete -F _virtmesh virtmesh
`;

const ZSH = `#compdef virtmesh
# zsh completion of virtmesh
_virtmesh() {
  local -a answers
  answers=("\${(@f)$(\${words[1]} __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ \${answers[1]} == :files ]]; then
    _files
  else
    compadd -a answers
  fi
}
compdef _virtmesh virtmesh
`;

const FISH = `# fish completion of virtmesh
function __virtmesh_complete
  set -l words (commandline -opc) (commandline -ct)
  for answer in ($words[1] __complete -- $words[2..] 2>/dev/null)
    if test "$answer" = ":files"
      __fish_complete_path (commandline -ct)
    else
      echo $answer
    end
  end
end
complete -c virtmesh -f -a "(__virtmesh_complete)"
`;

export const SCRIPTS: Readonly<Record<string, string>> = { bash: BASH, zsh: ZSH, fish: FISH };
