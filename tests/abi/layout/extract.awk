# From the preprocessed ABI headers (cc -E -P) to a C program that prints the layout: one line for each member,
# "struct.member offset size  declaration", and one for each struct of fixed size.
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
END {
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
            printf "    MEMBER(%s, %s, \"%s\")\n", type, nameOf(declaration), declaration
        }
    }
}
