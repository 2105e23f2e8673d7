# From the preprocessed ABI headers (cc -E -P) to a C program that prints the layout: one line for each member,
# "struct.member offset size  declaration", one for each struct of fixed size, and one for each other type.
function squeeze(text) {
    gsub(/[ \t\n]+/, " ", text); sub(/^ /, "", text); sub(/ $/, "", text)
    gsub(/ ?\* ?/, "* ", text); gsub(/\( /, "(", text); gsub(/ \)/, ")", text); gsub(/\* \)/, "*)", text)
    gsub(/\* \* /, "** ", text); gsub(/\(\* /, "(*", text); sub(/ $/, "", text)
    return text
}
function nameOf(declaration) {
    if (match(declaration, /\(\*[a-z_0-9]+\)/)) return substr(declaration, RSTART + 2, RLENGTH - 3)
    match(declaration, /[a-z_0-9]+$/)
    return substr(declaration, RSTART, RLENGTH)
}
{ all = all " " $0 }
# Names of structs that may grow: where one ends another struct, its size there is no promise.
function grows(type) { return all_of ~ ("typedef struct " type " [{] *uint32_t struct_size") }
END {
    all_of = all; gsub(/[ \t\n]+/, " ", all_of)
    for (rest = all_of; match(rest, /typedef [a-z][a-z_0-9 ]* howdah_[a-z_0-9]+;/);) {
        text = substr(rest, RSTART, RLENGTH); rest = substr(rest, RSTART + RLENGTH)
        if (text ~ /^typedef struct/) continue
        sub(/;$/, "", text)
        printf "    TYPE(%s, \"%s\")\n", nameOf(text), text
    }
    while (match(all, /typedef struct howdah_[a-z_0-9]+ [{][^}]*[}] howdah_[a-z_0-9]+;/)) {
        text = substr(all, RSTART, RLENGTH)
        all = substr(all, RSTART + RLENGTH)
        type = text; sub(/;$/, "", type); sub(/.*[}] /, "", type)
        body = text; sub(/^[^{]*[{]/, "", body); sub(/[}][^}]*$/, "", body)
        # A struct that starts with struct_size may grow; the size of any other is fixed for ever.
        if (body !~ /struct_size/) printf "    STRUCT(%s)\n", type
        count = split(body, members, ";")
        for (i = 1; i < count; ++i) {
            declaration = squeeze(members[i])
            ends = i == count - 1 && grows(substr(declaration, 1, index(declaration, " ") - 1))
            printf "    %s(%s, %s, \"%s\")\n", ends ? "LAST_GROWS" : "MEMBER", type, nameOf(declaration), declaration
        }
    }
}
