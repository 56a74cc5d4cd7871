# shellcheck shell=bash
# A Debian package index like no real one: several versions of some names, in any order, fields of many lines,
# empty ones, and every character that a format in between could trip over. The same seed gives the same index.
generate_index() {  # NAMES SEED
  awk -v names="$1" -v seed="$2" '
    function word(  length_left, text) {
      for (length_left = 3 + int(rand() * 9); length_left > 0; --length_left) {
        text = text substr("abcdefghijklmnopqrstuvwxyz", 1 + int(rand() * 26), 1)
      }
      return text
    }
    function words(count,  text) {
      for (; count > 0; --count) text = text word() (count > 1 ? " " : "")
      return text
    }
    function stanza(name, version,  line) {
      print "Package: " name
      print "Version: " version
      print "Installed-Size: " int(rand() * 100000)
      print "Maintainer: J\303\274rgen \"" word() "\" <" word() "@example.org>"
      print "Depends: " words(1 + int(rand() * 30))
      if (rand() < 0.2) print "Empty:"
      if (rand() < 0.2) print "Odd: back\\slash \\n \"quote\"\ttab \303\251\342\202\254 {}[]:,"
      if (rand() < 0.01) print "Long: " words(9000)
      print "Description: " words(6)
      for (line = int(rand() * 8); line > 0; --line) print (rand() < 0.2 ? " ." : "  " words(10))
      print ""
    }
    BEGIN {
      srand(seed)
      split("1.0~rc1-1 1.0-1 1:0.5-2 1.0-1+b1 1.10-1 1.9-1 2.0+dfsg-1 0~0", versions, " ")
      for (i = 0; i < names; ++i) {
        name = "p" i "-" word() (i % 7 == 0 ? "+" : "") (i % 11 == 0 ? ".x" : "")
        count = i % 25 == 0 ? 2 + int(rand() * 3) : 1
        first = int(rand() * 8)
        # Never the same version twice.
        for (v = 0; v < count; ++v) {
          slot = int(rand() * 200)
          # Most versions of a name stand far apart.
          later[slot] = later[slot] "," name " " versions[(first + v) % 8 + 1]
        }
        if (i % 20 == 19) flush_slot(int(rand() * 200))
      }
      for (slot = 0; slot < 200; ++slot) flush_slot(slot)
    }
    function flush_slot(slot,  list, count, i, pair) {
      count = split(substr(later[slot], 2), list, ",")
      delete later[slot]
      for (i = 1; i <= count; ++i) {
        split(list[i], pair, " ")
        stanza(pair[1], pair[2])
      }
    }'
}
