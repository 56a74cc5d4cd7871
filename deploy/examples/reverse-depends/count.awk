# Counts, from a Debian package index, how many packages depend on each name: "NAME COUNT", in no order.
# Written apart from reverse_depends.py, so that the two can be held against each other.
function end_field(    part, parts, n, i, name) {
  if (field == "Depends" || field == "Pre-Depends") depends = depends "," value
  field = ""
}
function end_record(    part, parts, n, i, name, seen) {
  end_field()
  if (package != "" && !(package in known)) {
    known[package]
    n = split(depends, parts, ",")
    for (i = 1; i <= n; i++) {
      name = parts[i]
      sub(/\|.*/, "", name); sub(/\(.*/, "", name); sub(/\[.*/, "", name); sub(/:.*/, "", name)
      gsub(/[ \t]/, "", name)
      if (name != "" && !(name in seen)) { seen[name]; ++count[name] }
    }
  }
  package = ""; depends = ""
}
/^$/ { end_record(); next }
/^[ \t]/ { value = value $0; next }
{
  end_field()
  field = $0; sub(/:.*/, "", field)
  value = substr($0, length(field) + 2)
  if (field == "Package") { package = value; gsub(/[ \t]/, "", package) }
}
END { end_record(); for (name in count) print name, count[name] }
