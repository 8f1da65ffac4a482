When('an order is placed') do
  File.open(ENV.fetch('SHOP_LOG'), 'a') { |log| log.puts "#{Time.now.strftime('%FT%T')} ERROR storage: database is locked" }
  @answer = 500
end

Then('the shop answers 201') do
  raise "#{@answer} != 201" unless @answer == 201
end
