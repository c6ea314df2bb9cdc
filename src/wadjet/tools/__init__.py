"""Libraries that look at programs and rearrange them, and never run them: no engine needed.

objdump    what is in a module, for people
strip      custom sections taken out
metadata   what the well-known custom sections say
flamegraph where a guest spends its time, as a picture
"""
