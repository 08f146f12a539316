# run.sh WORD SECONDS: notes that it ran, stays SECONDS, ends well.
# Each execution draws a number of its own: one that ran twice leaves two.
trap 'exit 143' TERM
drawn=$(cat /proc/sys/kernel/random/uuid)
echo "ran $1 $drawn" >> /app/output/ran.txt || echo "the disk takes no note"
echo "ran $1 $drawn"
sleep "$2" &
wait
echo "end $1"
