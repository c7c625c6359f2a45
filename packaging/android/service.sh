#!/system/bin/sh
# /data/adb/service.d/homeward.sh (Magisk, KernelSU) or a module's service.sh: runs late in the boot, as root in the root
# solution's own SELinux domain. Starts the agent again when it ends; `touch /data/adb/homeward/disabled` keeps it from that.
home=/data/adb/homeward
log=$home/homeward-mn.log

# Both radios stay up: Android otherwise lets mobile data go while there is WiFi.
until [ "$(getprop sys.boot_completed)" = 1 ]; do sleep 2; done
settings put global mobile_data_always_on 1

while [ ! -e "$home/disabled" ]; do
    # One old log is kept; a phone's storage is nobody's log archive.
    [ "$(stat -c %s "$log" 2>/dev/null || echo 0)" -lt 1000000 ] || mv "$log" "$log.1"
    "$home/homeward-mn" --config "$home/mn.yaml" >>"$log" 2>&1
    sleep 2
done &
